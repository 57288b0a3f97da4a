//! One attempt at a job: claims it, renews the lease, runs it and stores the outcome.

use std::{panic::AssertUnwindSafe, time::Duration};

use domain::{
    JobId, MeetingId, RecordingId,
    job::Job,
    meeting::{Change, Meeting},
    recording::Recording,
    room::Room,
};
use futures::FutureExt;
use metrics::counter;
use storage::{
    PgPool, PgTransaction, StorageError,
    jobs::{Claimed, Lease},
    recordings,
};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::{
    backoff,
    change::change_meeting,
    context::WorkerContext,
    jobs::{self, JobError},
    log::chain,
};

/// A worker that does not renew for this long is considered dead, and its job may be claimed by another.
pub const LEASE: Duration = Duration::from_secs(20);

/// A quarter of the lease, so that three renewals may fail.
const RENEW_INTERVAL: Duration = Duration::from_secs(5);

/// Longest pause before a retry.
const MAX_PAUSE: Duration = Duration::from_secs(600);

/// How long running jobs may take to finish after a stop was requested.
const STOP_GRACE: Duration = Duration::from_secs(8);

/// One run of a claimed job.
pub struct Attempt<'a> {
    pub ctx: &'a WorkerContext,
    pub lease: Lease,
    /// Counts from 1.
    pub number: i32,
    /// Attempts after which the job is dead.
    pub max: i32,
}

/// How an attempt ended.
enum JobOutcome {
    Done,
    Failed(JobError),
    /// Another worker has claimed the job; nothing may be written.
    LeaseLost,
    Stopped,
}

impl Attempt<'_> {
    /// Begins a transaction fenced by the lease: no other worker can claim the job until it ends.
    ///
    /// # Errors
    /// A retry if another worker has already claimed it.
    pub async fn begin(&self) -> Result<PgTransaction<'static>, JobError> {
        let mut tx = self.ctx.begin().await?;
        if storage::jobs::fence(&mut tx, self.lease).await? {
            return Ok(tx);
        }
        Err(JobError::retry(anyhow::anyhow!(
            "job {} has been claimed by another worker",
            self.lease.job
        )))
    }

    /// Loads a recording; `None` if its meeting was deleted.
    pub async fn recording(&self, id: RecordingId) -> Result<Option<Recording>, JobError> {
        Ok(recordings::find(&mut *self.ctx.conn().await?, id).await?)
    }

    /// Saves what `decide` makes of a meeting, in a transaction fenced by this attempt's lease.
    pub async fn change(
        &self,
        meeting: MeetingId,
        decide: impl FnOnce(&Room, &Meeting) -> Change,
    ) -> Result<(), JobError> {
        let mut tx = self.begin().await?;
        change_meeting(&mut tx, meeting, decide).await?;
        Ok(storage::pool::commit(tx).await?)
    }

    /// Whether the job is dead if this fails.
    pub fn is_last(&self) -> bool {
        self.number >= self.max
    }
}

/// Handles a wake-up. Job failures are stored in the row; only a failure to store them is logged here.
pub async fn run(id: JobId, ctx: &WorkerContext, stop: &CancellationToken) {
    if let Err(error) = claim_and_run(id, ctx, stop).await {
        let error = chain(&error);
        tracing::warn!(job.id = %id, error, "cannot store the outcome of a job; it runs again when its lease expires");
    }
}

async fn claim_and_run(id: JobId, ctx: &WorkerContext, stop: &CancellationToken) -> Result<(), StorageError> {
    let mut conn = ctx.conn().await?;
    let Some(claimed) = storage::jobs::claim(&mut conn, id, LEASE).await? else {
        return Ok(()); // done, not due, or claimed by another worker
    };
    drop(conn); // no connection is held while the job runs
    let attempt = Attempt {
        ctx,
        lease: claimed.lease,
        number: claimed.attempt,
        max: claimed.max_attempts,
    };
    match serde_json::from_value::<Job>(claimed.payload.clone()) {
        Ok(job) => {
            let started = Instant::now();
            let outcome = supervise(&job, &attempt, stop).await;
            store_outcome(&job, &attempt, outcome, started.elapsed()).await
        }
        Err(why) => mark_unreadable_dead(&claimed, &why, ctx).await,
    }
}

/// Runs the job until it ends, times out, loses its lease, or the process has to stop.
async fn supervise(job: &Job, attempt: &Attempt<'_>, stop: &CancellationToken) -> JobOutcome {
    // In a separate task, so that a job that blocks its thread does not stop the renewal.
    let lease = AbortOnDropHandle::new(tokio::spawn(hold_lease(attempt.lease, attempt.ctx.pool.clone())));
    let stopped = async {
        stop.cancelled().await;
        sleep(STOP_GRACE).await;
    };
    let work = AssertUnwindSafe(jobs::run(job, attempt)).catch_unwind();
    tokio::select! {
        result = timeout(job.queue().timeout(), work) => match result {
            Ok(Ok(Ok(()))) => JobOutcome::Done,
            Ok(Ok(Err(error))) => JobOutcome::Failed(error),
            Ok(Err(_panic)) => JobOutcome::Failed(JobError::retry(anyhow::anyhow!("the job panicked; see the log for the location"))),
            Err(_) => JobOutcome::Failed(JobError::retry(anyhow::anyhow!("the job timed out after {:?}", job.queue().timeout()))),
        },
        _lost = lease => JobOutcome::LeaseLost,
        () = stopped => JobOutcome::Stopped,
    }
}

/// Renews a lease; returns when it is lost. The database may be unreachable for as long as the lease lasts.
async fn hold_lease(lease: Lease, pool: PgPool) {
    let mut held_at = Instant::now();
    loop {
        sleep(RENEW_INTERVAL).await;
        let requested_at = Instant::now();
        match renew(lease, &pool).await {
            Ok(true) => held_at = requested_at,
            Ok(false) => return,
            Err(_) if held_at.elapsed() < LEASE => {}
            Err(_) => return,
        }
    }
}

async fn renew(lease: Lease, pool: &PgPool) -> Result<bool, StorageError> {
    let mut conn = storage::pool::acquire(pool).await?;
    storage::jobs::renew(&mut conn, lease, LEASE).await
}

/// Stores how the attempt ended, and counts it.
async fn store_outcome(
    job: &Job,
    attempt: &Attempt<'_>,
    outcome: JobOutcome,
    took: Duration,
) -> Result<(), StorageError> {
    let (queue, id) = (job.queue().as_str(), attempt.lease.job);
    let label = match outcome {
        JobOutcome::Done => {
            tracing::debug!(job.id = %id, queue, duration_ms = took.as_millis() as u64, "job done");
            storage::jobs::finish(&mut *attempt.ctx.conn().await?, attempt.lease).await?;
            "done"
        }
        JobOutcome::Failed(JobError::Retry { after, why }) if !attempt.is_last() => {
            schedule_retry(job, attempt, after, &why).await?;
            "retried"
        }
        JobOutcome::Failed(error) => {
            mark_dead(job, attempt, &error.to_string()).await?;
            "dead"
        }
        JobOutcome::LeaseLost => {
            tracing::warn!(job.id = %id, queue, "another worker has claimed the job; this result is discarded");
            "lost"
        }
        JobOutcome::Stopped => {
            storage::jobs::release(&mut *attempt.ctx.conn().await?, attempt.lease).await?;
            "given_back"
        }
    };
    counter!("trackscribe_jobs_total", "queue" => queue, "outcome" => label).increment(1);
    metrics::histogram!("trackscribe_job_seconds", "queue" => queue).record(took.as_secs_f64());
    Ok(())
}

async fn schedule_retry(
    job: &Job,
    attempt: &Attempt<'_>,
    after: Option<Duration>,
    why: &anyhow::Error,
) -> Result<(), StorageError> {
    let (queue, id) = (job.queue().as_str(), attempt.lease.job);
    let after = after.unwrap_or_else(|| backoff::with_jitter(attempt.number.unsigned_abs(), MAX_PAUSE));
    let error = format!("{why:#}");
    tracing::warn!(job.id = %id, queue, attempt = attempt.number, error, ?after, "job failed and will be retried");
    storage::jobs::retry(&mut *attempt.ctx.conn().await?, attempt.lease, after, &error).await?;
    Ok(())
}

/// Marks the job dead and saves what follows from that, in one transaction.
async fn mark_dead(job: &Job, attempt: &Attempt<'_>, error: &str) -> Result<(), StorageError> {
    let mut tx = attempt.ctx.begin().await?;
    if storage::jobs::mark_dead(&mut tx, attempt.lease, error).await? {
        tracing::error!(job.id = %attempt.lease.job, queue = job.queue().as_str(), error, "job is dead");
        jobs::after_death(&mut tx, job, error, attempt.ctx).await?;
    }
    storage::pool::commit(tx).await
}

async fn mark_unreadable_dead(
    claimed: &Claimed,
    why: &serde_json::Error,
    ctx: &WorkerContext,
) -> Result<(), StorageError> {
    let error = format!("this version cannot read the job: {why}");
    tracing::error!(job.id = %claimed.lease.job, error, "job is dead");
    storage::jobs::mark_dead(&mut *ctx.conn().await?, claimed.lease, &error).await?;
    Ok(())
}
