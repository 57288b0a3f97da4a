//! Claims a job and runs it under its lease.

use std::{panic::AssertUnwindSafe, time::Duration};

use domain::{JobId, job::Job};
use futures::FutureExt;
use storage::{PgPool, StorageError, jobs::Lease};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use super::{
    Attempt,
    outcome::{self, JobOutcome},
};
use crate::{
    context::WorkerContext,
    jobs::{self, JobError},
    log::chain,
};

/// A worker that does not renew for this long is considered dead, and its job may be claimed by another.
pub const LEASE: Duration = Duration::from_secs(20);

/// A quarter of the lease, so that three renewals may fail.
const RENEW_INTERVAL: Duration = Duration::from_secs(5);

/// How long running jobs may take to finish after a stop was requested.
const STOP_GRACE: Duration = Duration::from_secs(8);

/// Handles a wake-up. Job failures are stored in the row; only a failure to store them is logged here.
pub async fn run(id: JobId, ctx: &WorkerContext, stop: &CancellationToken) {
    if let Err(error) = claim_and_run(id, ctx, stop).await {
        let error = chain(&error);
        tracing::warn!(job.id = %id, error, "cannot claim a job or store its outcome; it runs again when its lease expires");
    }
}

async fn claim_and_run(id: JobId, ctx: &WorkerContext, stop: &CancellationToken) -> Result<(), StorageError> {
    let mut conn = ctx.conn().await?;
    let Some(claimed) = storage::jobs::claim(&mut conn, id, LEASE).await? else {
        return Ok(()); // done, not due, or claimed by another worker
    };
    drop(conn); // no connection is held while the job runs
    let attempt = Attempt::new(&claimed, ctx);
    match serde_json::from_value::<Job>(claimed.payload.clone()) {
        Ok(job) => {
            let started = Instant::now();
            let outcome = supervise(&job, &attempt, stop).await;
            outcome::store(&job, &attempt, outcome, started.elapsed()).await
        }
        Err(why) => outcome::leave_unread(&claimed, &why, ctx).await,
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
    let limit = job.queue().limits().timeout;
    tokio::select! {
        result = timeout(limit, work) => match result {
            Ok(Ok(Ok(()))) => JobOutcome::Done,
            Ok(Ok(Err(error))) => JobOutcome::Failed(error),
            Ok(Err(_panic)) => JobOutcome::Failed(JobError::retry(anyhow::anyhow!("the job panicked; see the log for the location"))),
            Err(_) => JobOutcome::Failed(JobError::retry(anyhow::anyhow!("the job timed out after {limit:?}"))),
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
