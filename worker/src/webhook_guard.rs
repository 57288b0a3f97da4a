//! Makes sure that platforms send us webhooks, and makes up for those that were lost while one did not.
//!
//! What was lost is read from the platform's lists and judged as webhooks are. It is read before the webhook is repaired, too:
//! if this process dies in between, the next check still finds the webhook broken, and the time that it was silent.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use metrics::{counter, gauge};
use platform::{Platform, PlatformError, VerifiedEvent, WebhookHealth};
use storage::{
    StorageError,
    events::{NewEvent, Stored},
    inbox, locks,
};
use tokio_util::sync::CancellationToken;

use crate::{context::WorkerContext, log::chain};

/// Time between two checks. Every check costs two requests of those that the platform allows.
const INTERVAL: Duration = Duration::from_secs(300);

/// Time to the next check after one that failed: our server may not answer the platform's ping yet.
const RETRY_INTERVAL: Duration = Duration::from_secs(30);

/// How far back lost events are looked for if the platform does not tell since when its webhook is silent.
const LONGEST_SILENCE: TimeDelta = TimeDelta::days(7);

/// How long before the last thing that a webhook sent lost events are looked for. The deliveries that failed and made the
/// platform switch it off may be hours apart.
const FAILURES_BEFORE: TimeDelta = TimeDelta::days(1);

/// The lock that the checking worker holds.
const LOCK: &str = "trackscribe webhook guard";

/// Why a check failed.
#[derive(Debug, thiserror::Error)]
pub enum GuardError {
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error(transparent)]
    Platform(#[from] PlatformError),
}

/// Checks at intervals until `stop`.
pub async fn run(ctx: &WorkerContext, stop: &CancellationToken) {
    while let Some(checked) = stop.run_until_cancelled(check_once(ctx)).await {
        let pause = match checked {
            Ok(()) => INTERVAL,
            Err(error) => {
                let error = chain(&error);
                tracing::error!(error, "cannot make sure that webhooks arrive");
                RETRY_INTERVAL
            }
        };
        stop.run_until_cancelled(tokio::time::sleep(pause)).await;
    }
}

/// Checks every platform, unless another worker is doing so. Returns the first error; it does not prevent the other checks.
pub async fn check_once(ctx: &WorkerContext) -> Result<(), GuardError> {
    let mut lock = ctx.begin().await?;
    if !locks::try_lock(&mut lock, LOCK).await? {
        return Ok(());
    }
    let mut first_error = Ok(());
    for platform in ctx.platforms.iter() {
        first_error = first_error.and(tend(ctx, platform).await);
    }
    if let Err(error) = lock.rollback().await {
        // The database has ended the lock meanwhile. No step does harm if another worker does it as well.
        tracing::debug!(%error, "the check of webhooks took longer than its lock");
    }
    first_error
}

async fn tend(ctx: &WorkerContext, platform: &Arc<dyn Platform>) -> Result<(), GuardError> {
    let health = platform.check_webhook().await?;
    let kind = platform.kind().as_str();
    match health {
        WebhookHealth::Unmanaged => {}
        WebhookHealth::Healthy => gauge!("trackscribe_webhook_healthy", "platform" => kind).set(1.0),
        WebhookHealth::Broken { problem, silent_since } => {
            gauge!("trackscribe_webhook_healthy", "platform" => kind).set(0.0);
            tracing::error!(
                platform = kind,
                problem,
                ?silent_since,
                "the platform sends no webhooks; repairing"
            );
            mend(ctx, platform, silent_since).await?;
            counter!("trackscribe_webhook_repairs_total", "platform" => kind).increment(1);
            gauge!("trackscribe_webhook_healthy", "platform" => kind).set(1.0);
        }
    }
    Ok(())
}

async fn mend(
    ctx: &WorkerContext,
    platform: &Arc<dyn Platform>,
    silent_since: Option<DateTime<Utc>>,
) -> Result<(), GuardError> {
    let earliest = (ctx.clock)() - LONGEST_SILENCE;
    let since = silent_since.map_or(earliest, |silent_since| earliest.max(silent_since - FAILURES_BEFORE));
    catch_up(ctx, platform, since).await?;
    platform.repair_webhook().await?;
    catch_up(ctx, platform, since).await
}

/// Judges what happened since `since` and is not known yet.
async fn catch_up(ctx: &WorkerContext, platform: &Arc<dyn Platform>, since: DateTime<Utc>) -> Result<(), GuardError> {
    let missed = platform.missed_events(since).await?;
    let (listed, mut unknown) = (missed.len(), 0);
    for event in &missed {
        unknown += usize::from(take(ctx, event).await?);
    }
    tracing::info!(platform = platform.kind().as_str(), %since, listed, unknown, "read what lost webhooks should have told");
    Ok(())
}

/// Stores and judges an event. Returns whether it is new.
async fn take(ctx: &WorkerContext, verified: &VerifiedEvent) -> Result<bool, StorageError> {
    let new = NewEvent {
        id: (ctx.ids)(),
        event: &verified.event,
        received_at: (ctx.clock)(),
        body: &verified.stored_body,
    };
    let stored = storage::events::store(&mut *ctx.conn().await?, &new).await?;
    if let Stored::Unjudged(id) = stored {
        inbox::judge(&ctx.pool, id, ctx.adopt(), ctx.env()).await?;
    }
    Ok(matches!(stored, Stored::Unjudged(_)))
}

#[cfg(test)]
mod tests;
