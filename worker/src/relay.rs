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
    queue::{Doorbell, QueueError},
};

/// How often the table is looked at without being told.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Pause after a failure of the database or of Redis.
const FAILURE_PAUSE: Duration = Duration::from_secs(2);

/// How often finished wake-ups and old jobs are cleared away.
const TIDY_EVERY: Duration = Duration::from_secs(10);

/// How long a job that is done can still be looked at.
const KEEP_DONE: chrono::TimeDelta = chrono::TimeDelta::days(7);

/// Why a round did not succeed. The next one does its work.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error(transparent)]
    Queue(#[from] QueueError),
}

/// Rings for due jobs until `stop`.
pub async fn run(ctx: &WorkerContext, bell: &Doorbell, stop: &CancellationToken) {
    let news = Arc::new(Notify::new());
    let _listening = AbortOnDropHandle::new(tokio::spawn(listen(ctx.pool.clone(), news.clone())));
    let mut tidied_at = Instant::now();
    while !stop.is_cancelled() {
        let pause = match round(ctx, bell, &mut tidied_at).await {
            Ok(()) => LOOK_EVERY,
            Err(error) => {
                let error = chain(&error);
                tracing::warn!(error, "the relay could not ring for due jobs");
                FAILURE_PAUSE
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(pause) => {}
            () = news.notified() => {}
        }
    }
}

/// One round: every queue's due jobs, as many as it takes.
pub async fn ring_due(pool: &PgPool, bell: &Doorbell) -> Result<(), RelayError> {
    let mut conn = storage::pool::acquire(pool).await?;
    for queue in storage::jobs::due_queues(&mut conn).await? {
        // A queue that a newer version knows is that version's to ring.
        let Some(queue) = Queue::ALL.into_iter().find(|known| known.as_str() == queue) else {
            continue;
        };
        let room = bell.room(queue).await?;
        let due = storage::jobs::take_due(&mut conn, queue.as_str(), i64::try_from(room).unwrap_or(i64::MAX)).await?;
        bell.ring(queue, due).await?;
    }
    Ok(())
}

/// Jobs whose last attempt ended with its process are dead, with all that follows.
async fn bury_overdue(ctx: &WorkerContext) -> Result<(), RelayError> {
    const ERROR: &str = "the worker ended in the last attempt";
    loop {
        let mut tx = ctx.begin().await?;
        let Some(payload) = storage::jobs::take_overdue(&mut tx, ERROR).await? else {
            return Ok(());
        };
        if let Ok(job) = serde_json::from_value::<Job>(payload) {
            jobs::died(&mut tx, &job, ERROR, ctx).await?;
        }
        storage::pool::commit(tx).await?;
    }
}

async fn round(ctx: &WorkerContext, bell: &Doorbell, tidied_at: &mut Instant) -> Result<(), RelayError> {
    ring_due(&ctx.pool, bell).await?;
    bury_overdue(ctx).await?;
    if tidied_at.elapsed() >= TIDY_EVERY {
        *tidied_at = Instant::now();
        tidy(ctx, bell).await?;
    }
    Ok(())
}

/// Passes on what the database tells; begins anew where it cannot.
async fn listen(pool: PgPool, news: Arc<Notify>) {
    loop {
        if let Ok(mut jobs) = NewJobs::listen(&pool).await {
            while jobs.next().await.is_ok() {
                news.notify_one();
            }
        }
        tokio::time::sleep(FAILURE_PAUSE).await;
    }
}

async fn tidy(ctx: &WorkerContext, bell: &Doorbell) -> Result<(), RelayError> {
    for queue in Queue::ALL {
        bell.forget(queue).await?;
    }
    let mut conn = ctx.conn().await?;
    storage::jobs::prune(&mut conn, (ctx.clock)() - KEEP_DONE).await?;
    Ok(())
}
