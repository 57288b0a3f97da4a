//! Due job rows become wake-ups: new ones, ones to be tried again, ones whose worker or wake-up is gone.
//!
//! PostgreSQL's NOTIFY makes a fresh job start at once; looking every half second does the rest, and is enough where
//! notifications do not come through, as behind some connection poolers.

use std::{sync::Arc, time::Duration};

use domain::job::{Job, Queue};
use storage::{PgPool, StorageError, jobs::NewJobs};
use tokio::{sync::Notify, time::Instant};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::{
    context::WorkerContext,
    jobs,
    log::chain,
    queue::{QueueError, WakeQueue},
};

/// How often the table is looked at without being told.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// Pause after a failure of the database or of Redis.
const FAILURE_PAUSE: Duration = Duration::from_secs(2);

/// How often finished wake-ups and old jobs are cleared away.
const CLEAN_UP_INTERVAL: Duration = Duration::from_secs(10);

/// How long a job that is done can still be looked at.
const DONE_JOBS_KEPT: chrono::TimeDelta = chrono::TimeDelta::days(7);

/// Why a round did not succeed. The next one does its work.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error(transparent)]
    Queue(#[from] QueueError),
}

/// Rings for due jobs until `stop`.
pub async fn run(ctx: &WorkerContext, wake_queue: &WakeQueue, stop: &CancellationToken) {
    let new_jobs = Arc::new(Notify::new());
    let _listening = AbortOnDropHandle::new(tokio::spawn(listen(ctx.pool.clone(), new_jobs.clone())));
    let mut cleaned_up_at = Instant::now();
    while !stop.is_cancelled() {
        let pause = match run_once(ctx, wake_queue, &mut cleaned_up_at).await {
            Ok(()) => POLL_INTERVAL,
            Err(error) => {
                let error = chain(&error);
                tracing::warn!(error, "the relay could not ring for due jobs");
                FAILURE_PAUSE
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(pause) => {}
            () = new_jobs.notified() => {}
        }
    }
}

/// One round: every queue's due jobs, as many as it takes.
pub async fn wake_due(pool: &PgPool, wake_queue: &WakeQueue) -> Result<(), RelayError> {
    let mut conn = storage::pool::acquire(pool).await?;
    for queue in storage::jobs::due_queues(&mut conn).await? {
        // A queue that a newer version knows is that version's to ring.
        let Some(queue) = Queue::ALL.into_iter().find(|known| known.as_str() == queue) else {
            continue;
        };
        let capacity = wake_queue.capacity(queue).await?;
        let due =
            storage::jobs::take_due(&mut conn, queue.as_str(), i64::try_from(capacity).unwrap_or(i64::MAX)).await?;
        wake_queue.push(queue, due).await?;
    }
    Ok(())
}

/// Jobs whose last attempt ended with its process are dead, with all that follows.
async fn mark_overdue_dead(ctx: &WorkerContext) -> Result<(), RelayError> {
    const ERROR: &str = "the worker ended in the last attempt";
    loop {
        let mut tx = ctx.begin().await?;
        let Some(payload) = storage::jobs::mark_overdue_dead(&mut tx, ERROR).await? else {
            return Ok(());
        };
        if let Ok(job) = serde_json::from_value::<Job>(payload) {
            jobs::after_death(&mut tx, &job, ERROR, ctx).await?;
        }
        storage::pool::commit(tx).await?;
    }
}

async fn run_once(ctx: &WorkerContext, wake_queue: &WakeQueue, cleaned_up_at: &mut Instant) -> Result<(), RelayError> {
    wake_due(&ctx.pool, wake_queue).await?;
    mark_overdue_dead(ctx).await?;
    if cleaned_up_at.elapsed() >= CLEAN_UP_INTERVAL {
        *cleaned_up_at = Instant::now();
        clean_up(ctx, wake_queue).await?;
    }
    Ok(())
}

/// Passes on what the database tells; begins anew where it cannot.
async fn listen(pool: PgPool, new_jobs: Arc<Notify>) {
    loop {
        if let Ok(mut listener) = NewJobs::listen(&pool).await {
            while listener.next().await.is_ok() {
                new_jobs.notify_one();
            }
        }
        tokio::time::sleep(FAILURE_PAUSE).await;
    }
}

async fn clean_up(ctx: &WorkerContext, wake_queue: &WakeQueue) -> Result<(), RelayError> {
    for queue in Queue::ALL {
        wake_queue.prune(queue).await?;
    }
    let mut conn = ctx.conn().await?;
    storage::jobs::prune(&mut conn, (ctx.clock)() - DONE_JOBS_KEPT).await?;
    Ok(())
}
