//! The relay pushes wake-ups for due jobs: new ones, retries, and those whose worker or wake-up was lost.
//!
//! PostgreSQL's NOTIFY starts a new job at once. Polling twice a second finds the rest, and is enough where notifications
//! do not arrive, as behind some connection poolers.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use domain::job::{Job, Queue};
use futures::FutureExt;
use metrics::{counter, gauge};
use storage::{
    ChangeTx, PgConnection, PgPool, StorageError,
    jobs::{NewJobs, Overdue},
};
use tokio::{sync::Notify, time::Instant};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::{
    context::WorkerContext,
    jobs,
    log::chain,
    queue::{QueueError, WakeQueue},
};

/// How often the table is polled without a notification.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// Longest run. One that finds nothing takes milliseconds.
const RUN_TIMEOUT: Duration = Duration::from_secs(30);

/// Pause after a failure of the database or of Redis.
const FAILURE_PAUSE: Duration = Duration::from_secs(2);

/// How long an overdue job is left alone if what follows from its death cannot be saved.
const OVERDUE_PAUSE: Duration = Duration::from_secs(60);

/// Most jobs of other versions that are counted.
const MAX_UNREAD: i64 = 1_000;

/// How often finished wake-ups and old jobs are deleted.
const CLEAN_UP_INTERVAL: Duration = Duration::from_secs(10);

/// Why a run of the relay failed. The next one does its work.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error(transparent)]
    Queue(#[from] QueueError),
    #[error("the database or Redis did not answer within {RUN_TIMEOUT:?}")]
    Timeout,
}

/// Wakes due jobs of `queues` until `stop`.
pub async fn run(ctx: &WorkerContext, wake_queue: &WakeQueue, queues: &[Queue], stop: &CancellationToken) {
    let new_jobs = Arc::new(Notify::new());
    let _listening = AbortOnDropHandle::new(tokio::spawn(listen(ctx.pool.clone(), new_jobs.clone())));
    let mut cleaned_up_at = Instant::now();
    while !stop.is_cancelled() {
        let pause = match run_once_in_time(ctx, wake_queue, queues, &mut cleaned_up_at).await {
            Ok(()) => POLL_INTERVAL,
            Err(error) => {
                let error = chain(&error);
                tracing::warn!(error, "cannot push wake-ups for due jobs");
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

/// Pushes wake-ups for the due jobs of `queues`, as many as each can take.
pub async fn wake_due(pool: &PgPool, wake_queue: &WakeQueue, queues: &[Queue]) -> Result<(), RelayError> {
    let mut conn = storage::pool::acquire(pool).await?;
    for queue in storage::jobs::due_queues(&mut conn).await? {
        // Other queues belong to other pools, or to workers of a newer version.
        let Some(queue) = queues.iter().copied().find(|ours| ours.as_str() == queue) else {
            continue;
        };
        let capacity = wake_queue.capacity(queue).await?;
        let due =
            storage::jobs::take_due(&mut conn, queue.as_str(), i64::try_from(capacity).unwrap_or(i64::MAX)).await?;
        wake_queue.push(queue, due).await?;
    }
    Ok(())
}

/// Marks jobs dead whose last attempt ended with its process, and saves what follows from that. A job of which this version
/// cannot tell what follows is left alone for a while, so that it does not hold up the others.
async fn mark_overdue_dead(ctx: &WorkerContext) -> Result<(), RelayError> {
    loop {
        let mut tx = ChangeTx::begin(&ctx.pool).await?;
        let Some(overdue) = storage::jobs::lock_overdue(tx.conn()).await? else {
            return Ok(());
        };
        let saved = AssertUnwindSafe(mark_dead(tx, &overdue, ctx)).catch_unwind().await;
        let error = match saved {
            Ok(Ok(())) => continue,
            Ok(Err(error)) if error.is_transient() => return Err(error.into()),
            Ok(Err(error)) => chain(&error),
            Err(_panic) => "it panicked; see the log for the location".to_owned(),
        };
        tracing::error!(job.id = %overdue.id, error, "cannot save what follows from a job's death");
        storage::jobs::leave_overdue(&mut *ctx.conn().await?, overdue.id, OVERDUE_PAUSE).await?;
    }
}

async fn mark_dead(mut tx: ChangeTx, overdue: &Overdue, ctx: &WorkerContext) -> Result<(), StorageError> {
    const ERROR: &str = "the worker process ended during the last attempt";
    let Ok(job) = serde_json::from_value::<Job>(overdue.payload.clone()) else {
        storage::jobs::leave_overdue(tx.conn(), overdue.id, OVERDUE_PAUSE).await?;
        return tx.commit().await;
    };
    storage::jobs::mark_overdue_dead(tx.conn(), overdue.id, ERROR).await?;
    jobs::after_death(&mut tx, &job, ERROR, ctx).await?;
    tx.commit().await
}

/// Ends a run that takes too long: a host that vanishes answers nothing, not even with an error.
async fn run_once_in_time(
    ctx: &WorkerContext,
    wake_queue: &WakeQueue,
    queues: &[Queue],
    cleaned_up_at: &mut Instant,
) -> Result<(), RelayError> {
    let run = run_once(ctx, wake_queue, queues, cleaned_up_at);
    tokio::time::timeout(RUN_TIMEOUT, run)
        .await
        .unwrap_or(Err(RelayError::Timeout))
}

async fn run_once(
    ctx: &WorkerContext,
    wake_queue: &WakeQueue,
    queues: &[Queue],
    cleaned_up_at: &mut Instant,
) -> Result<(), RelayError> {
    wake_due(&ctx.pool, wake_queue, queues).await?;
    mark_overdue_dead(ctx).await?;
    if cleaned_up_at.elapsed() >= CLEAN_UP_INTERVAL {
        *cleaned_up_at = Instant::now();
        clean_up(ctx, wake_queue).await?;
    }
    Ok(())
}

/// Forwards the database's notifications; reconnects after an error.
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
    prune(&mut conn, ctx).await?;
    let unread = storage::jobs::list_unread(&mut conn, MAX_UNREAD).await?;
    gauge!("trackscribe_jobs_unread").set(unread.len() as f64);
    Ok(())
}

/// Deletes old rows, some at a time: what is left is deleted at the next run.
async fn prune(conn: &mut PgConnection, ctx: &WorkerContext) -> Result<(), StorageError> {
    let now = (ctx.clock)();
    let pruned = [
        ("jobs", storage::jobs::prune(conn, now - ctx.kept.jobs).await?),
        ("events", storage::events::prune(conn, now - ctx.kept.events).await?),
        ("idempotency_keys", storage::idempotency::prune(conn, now).await?),
    ];
    for (table, rows) in pruned {
        counter!("trackscribe_rows_pruned_total", "table" => table).increment(rows);
    }
    Ok(())
}
