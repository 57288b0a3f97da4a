//! Publishes what happened: gives committed events their place in the feed, and deletes old ones with their deliveries.

use std::time::Duration;

use chrono::TimeDelta;
use storage::{StorageError, deliveries, feed};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{context::WorkerContext, log::chain};

/// How often the feed is polled. Writers do not notify: PostgreSQL makes transactions that notify commit one after another,
/// which would slow down webhooks.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// Pause after the database did not answer.
const FAILURE_PAUSE: Duration = Duration::from_secs(2);

/// How often old events are deleted, and deliveries that wait for disabled endpoints are given up.
const CLEAN_UP_INTERVAL: Duration = Duration::from_secs(60);

/// How long an event is kept. A reader that was away for longer has missed some, and is told so.
const KEPT: TimeDelta = TimeDelta::days(30);

/// Publishes committed events until `stop`.
pub async fn run(ctx: &WorkerContext, stop: &CancellationToken) {
    let mut cleaned_up_at = Instant::now();
    while !stop.is_cancelled() {
        let pause = match stop.run_until_cancelled(run_once(ctx, &mut cleaned_up_at)).await {
            Some(Err(error)) => {
                let error = chain(&error);
                tracing::warn!(error, "cannot publish events");
                FAILURE_PAUSE
            }
            _ => POLL_INTERVAL,
        };
        stop.run_until_cancelled(tokio::time::sleep(pause)).await;
    }
}

async fn run_once(ctx: &WorkerContext, cleaned_up_at: &mut Instant) -> Result<(), StorageError> {
    feed::publish(&ctx.pool).await?;
    if cleaned_up_at.elapsed() >= CLEAN_UP_INTERVAL {
        *cleaned_up_at = Instant::now();
        deliveries::fail_disabled(&ctx.pool).await?;
        let pruned = feed::prune(&ctx.pool, (ctx.clock)() - KEPT).await?;
        metrics::counter!("trackscribe_rows_pruned_total", "table" => "feed").increment(pruned);
    }
    Ok(())
}
