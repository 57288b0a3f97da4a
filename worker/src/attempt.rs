//! One try at a job: claim it, keep the lease, do it, write how it ended.

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

/// Who does not renew for so long is thought dead, and its job given to another.
pub const LEASE: Duration = Duration::from_secs(20);

/// A quarter of the lease: three renewals may fail.
const RENEW_INTERVAL: Duration = Duration::from_secs(5);

/// Longest pause before a job is tried again.
const MAX_PAUSE: Duration = Duration::from_secs(600);

/// What a process that is told to stop leaves its jobs to end by themselves.
const STOP_GRACE: Duration = Duration::from_secs(8);

/// A job in this process' hands.
pub struct Attempt<'a> {
    pub ctx: &'a WorkerContext,
    pub lease: Lease,
    /// From 1.
    pub number: i32,
    pub max: i32,
}

/// How a try ended.
enum JobOutcome {
    Done,
    Failed(JobError),
    /// Somebody else has the job; nothing may be written.
    LeaseLost,
    Stopped,
}

impl Attempt<'_> {
    /// A transaction that nobody can take the job away from; an error if somebody has.
    pub async fn begin(&self) -> Result<PgTransaction<'static>, JobError> {
        let mut tx = self.ctx.begin().await?;
        if storage::jobs::fence(&mut tx, self.lease).await? {
            return Ok(tx);
        }
        Err(JobError::retry(anyhow::anyhow!(
            "job {} has been taken over by another worker",
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

/// Answers a wake-up. What goes wrong stands in the row; only what keeps it from being written is told here.
pub async fn run(id: JobId, ctx: &WorkerContext, stop: &CancellationToken) {
    if let Err(error) = claim_and_run(id, ctx, stop).await {
        let error = chain(&error);
        tracing::warn!(job.id = %id, error, "how a job ended could not be written; it is run again when its lease ends");
    }
}

async fn claim_and_run(id: JobId, ctx: &WorkerContext, stop: &CancellationToken) -> Result<(), StorageError> {
    let mut conn = ctx.conn().await?;
    let Some(claimed) = storage::jobs::claim(&mut conn, id, LEASE).await? else {
        return Ok(()); // done, not due, or another's
    };
    drop(conn); // none is held while the job runs
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
            write_outcome(&job, &attempt, outcome, started.elapsed()).await
        }
        Err(why) => mark_unreadable_dead(&claimed, &why, ctx).await,
    }
}

/// Does the job until it ends, its time is over, its lease is lost, or the process has to stop.
async fn supervise(job: &Job, attempt: &Attempt<'_>, stop: &CancellationToken) -> JobOutcome {
    // A task of its own: a job that blocks its thread must not stop the renewal.
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
            Ok(Err(_panic)) => JobOutcome::Failed(JobError::retry(anyhow::anyhow!("the job panicked; the log tells where"))),
            Err(_) => JobOutcome::Failed(JobError::retry(anyhow::anyhow!("not done within {:?}", job.queue().timeout()))),
        },
        _lost = lease => JobOutcome::LeaseLost,
        () = stopped => JobOutcome::Stopped,
    }
}

/// Renews a lease until it is lost. The database may be away for as long as the lease holds.
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

async fn write_outcome(
    job: &Job,
    attempt: &Attempt<'_>,
    outcome: JobOutcome,
    took: Duration,
) -> Result<(), StorageError> {
    let (queue, id) = (job.queue().as_str(), attempt.lease.job);
    let duration_ms = took.as_millis() as u64;
    let label = match outcome {
        JobOutcome::Done => {
            tracing::debug!(job.id = %id, queue, duration_ms, "job done");
            storage::jobs::finish(&mut *attempt.ctx.conn().await?, attempt.lease).await?;
            "done"
        }
        JobOutcome::Failed(JobError::Retry { after, why }) if !attempt.is_last() => {
            let after = after.unwrap_or_else(|| backoff::with_jitter(attempt.number.unsigned_abs(), MAX_PAUSE));
            let error = format!("{why:#}");
            tracing::warn!(job.id = %id, queue, attempt = attempt.number, error, ?after, "job failed; it is tried again");
            storage::jobs::retry(&mut *attempt.ctx.conn().await?, attempt.lease, after, &error).await?;
            "retried"
        }
        JobOutcome::Failed(error) => {
            mark_dead(job, attempt, &format!("{error:#}")).await?;
            "dead"
        }
        JobOutcome::LeaseLost => {
            tracing::warn!(job.id = %id, queue, "another worker has taken a job over; its result here is dropped");
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

/// The job's death and what follows from it are one transaction.
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
