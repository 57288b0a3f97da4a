//! Stores how an attempt ended: done, to be retried, waiting for a service, dead or given back.

use std::time::Duration;

use domain::job::Job;
use metrics::counter;
use storage::{ChangeTx, StorageError, jobs::Claimed};
use tokio::time::{Instant, sleep};

use super::Attempt;
use crate::{
    backoff,
    context::WorkerContext,
    jobs::{self, JobError},
    log::chain,
};

/// Longest pause before a retry.
const MAX_RETRY_PAUSE: Duration = Duration::from_secs(600);

/// Longest pause that a service may ask for. A longer one is probably a mistake.
const MAX_NAMED_PAUSE: Duration = Duration::from_secs(3600);

/// How long to try to store an outcome while the database does not answer. Another worker may claim the job when its lease
/// expires; until it does, the outcome still counts.
const STORE_TIMEOUT: Duration = Duration::from_secs(60);

/// Pause between two attempts to store an outcome.
const STORE_PAUSE: Duration = Duration::from_millis(500);

/// How long a job that this version cannot read is left to others. Workers of several versions share a queue only while
/// they are being replaced.
const UNREAD_PAUSE: Duration = Duration::from_secs(60);

/// How an attempt ended.
pub enum JobOutcome {
    Done,
    Failed(JobError),
    /// Another worker has claimed the job; nothing may be written.
    LeaseLost,
    Stopped,
}

/// What is written to the job's row.
enum Verdict {
    Finish,
    Retry { after: Duration, error: String },
    Postpone { after: Duration, error: String },
    MarkDead { error: String },
    Release,
    Nothing,
}

impl Verdict {
    /// Decides what follows from an outcome.
    fn of(outcome: JobOutcome, job: &Job, attempt: &Attempt<'_>) -> Self {
        let error = match outcome {
            JobOutcome::Done => return Self::Finish,
            JobOutcome::LeaseLost => return Self::Nothing,
            JobOutcome::Stopped => return Self::Release,
            JobOutcome::Failed(error) => error,
        };
        let text = error.to_string();
        match error {
            JobError::Retry { .. } if !attempt.is_last() => Self::Retry {
                after: backoff::with_jitter(attempt.number().unsigned_abs(), MAX_RETRY_PAUSE),
                error: text,
            },
            JobError::Outage { after, .. } if attempt.waiting() < job.queue().limits().deadline => Self::Postpone {
                after: outage_pause(after, attempt.outages(), job),
                error: text,
            },
            _ => Self::MarkDead { error: text },
        }
    }

    /// The outcome's name in metrics.
    fn label(&self) -> &'static str {
        match self {
            Self::Finish => "done",
            Self::Retry { .. } => "retried",
            Self::Postpone { .. } => "postponed",
            Self::MarkDead { .. } => "dead",
            Self::Release => "given_back",
            Self::Nothing => "lost",
        }
    }
}

fn outage_pause(named: Option<Duration>, outages: i32, job: &Job) -> Duration {
    match named {
        Some(named) => named.min(MAX_NAMED_PAUSE),
        None => backoff::with_jitter(outages.unsigned_abs().saturating_add(1), job.queue().limits().max_pause),
    }
}

/// Stores how the attempt ended, and counts it.
pub async fn store(job: &Job, attempt: &Attempt<'_>, outcome: JobOutcome, took: Duration) -> Result<(), StorageError> {
    let verdict = Verdict::of(outcome, job, attempt);
    log(&verdict, job, attempt, took);
    let started = Instant::now();
    while let Err(error) = write(&verdict, job, attempt).await {
        if !error.is_transient() || started.elapsed() >= STORE_TIMEOUT {
            return Err(error);
        }
        tracing::debug!(error = chain(&error), "cannot store the outcome of a job yet");
        sleep(STORE_PAUSE).await;
    }
    let queue = job.queue().as_str();
    counter!("trackscribe_jobs_total", "queue" => queue, "outcome" => verdict.label()).increment(1);
    metrics::histogram!("trackscribe_job_seconds", "queue" => queue).record(took.as_secs_f64());
    Ok(())
}

async fn write(verdict: &Verdict, job: &Job, attempt: &Attempt<'_>) -> Result<(), StorageError> {
    let lease = attempt.lease;
    let mut conn = match verdict {
        Verdict::Nothing => return Ok(()),
        Verdict::MarkDead { error } => return mark_dead(job, attempt, error).await,
        _ => attempt.ctx.conn().await?,
    };
    match verdict {
        Verdict::Finish => storage::jobs::finish(&mut conn, lease).await?,
        Verdict::Retry { after, error } => storage::jobs::retry(&mut conn, lease, *after, error).await?,
        Verdict::Postpone { after, error } => storage::jobs::postpone(&mut conn, lease, *after, error).await?,
        _ => storage::jobs::release(&mut conn, lease).await?,
    };
    Ok(())
}

/// Marks the job dead and saves what follows from that, in one transaction.
async fn mark_dead(job: &Job, attempt: &Attempt<'_>, error: &str) -> Result<(), StorageError> {
    let mut tx = ChangeTx::begin(&attempt.ctx.pool).await?;
    if storage::jobs::mark_dead(tx.conn(), attempt.lease, error).await? {
        jobs::after_death(&mut tx, job, error, attempt.ctx).await?;
    }
    tx.commit().await
}

/// Leaves a job to a version that can read it: the payload, or its kind, is of a newer one.
pub async fn leave_unread(claimed: &Claimed, why: &serde_json::Error, ctx: &WorkerContext) -> Result<(), StorageError> {
    let error = format!("this version cannot read the job: {why}");
    tracing::error!(job.id = %claimed.lease.job, error, "job waits for a worker of another version");
    storage::jobs::leave_unread(&mut *ctx.conn().await?, claimed.lease, UNREAD_PAUSE, &error).await?;
    counter!("trackscribe_jobs_total", "queue" => "unknown", "outcome" => "unread").increment(1);
    Ok(())
}

fn log(verdict: &Verdict, job: &Job, attempt: &Attempt<'_>, took: Duration) {
    let (id, queue, number) = (attempt.lease.job, job.queue().as_str(), attempt.number());
    let duration_ms = took.as_millis() as u64;
    match verdict {
        Verdict::Finish => tracing::debug!(job.id = %id, queue, duration_ms, "job done"),
        Verdict::Retry { after, error } => {
            tracing::warn!(job.id = %id, queue, attempt = number, error, ?after, "job failed and will be retried")
        }
        Verdict::Postpone { after, error } => {
            let waiting_s = attempt.waiting().as_secs();
            tracing::warn!(job.id = %id, queue, waiting_s, error, ?after, "job waits for a service")
        }
        Verdict::MarkDead { error } => tracing::error!(job.id = %id, queue, error, "job is dead"),
        Verdict::Release => tracing::debug!(job.id = %id, queue, "job given back"),
        Verdict::Nothing => {
            tracing::warn!(job.id = %id, queue, "another worker has claimed the job; this result is discarded")
        }
    }
}
