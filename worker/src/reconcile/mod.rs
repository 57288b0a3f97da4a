//! Reconcilers find changes whose webhooks were lost. They apply them as a webhook would, through `domain::meeting`.
//!
//! Each file compares the platform's state with ours and schedules what is missing; one worker at a time does so.

mod abandoned;
mod beats;
mod captures;
pub mod controls;
mod coverage;
mod ending;
mod made_rooms;
mod meeting_end;
mod stuck;

pub use beats::Beats;
pub use ending::{EndLimits, Vacancies};
pub use made_rooms::LastLooks;

use std::{fmt::Display, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use domain::{MeetingId, event::PlatformKind, meeting::MeetingHead, platform_room::PlatformRoomRef};
use futures::FutureExt;
use metrics::counter;
use platform::{Platform, PlatformError, Presence};
use storage::{PgTransaction, StorageError, locks, meetings};
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use crate::{context::WorkerContext, log::chain};

/// Time between two runs. A meeting closes after two polls that are at least 15 s apart; this is slightly longer, so the
/// second poll is never too early.
const INTERVAL: Duration = Duration::from_millis(15_100);

/// A run that takes longer is cancelled: the database ends transactions that are idle for a minute.
const RUN_TIMEOUT: Duration = Duration::from_secs(50);

/// The lock that the reconciling worker holds.
const LOCK: &str = "trackscribe reconcile";

/// Why a run failed. The next one starts from the beginning.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error(transparent)]
    Platform(#[from] PlatformError),
    #[error("reconciling timed out after {RUN_TIMEOUT:?}")]
    Timeout,
    #[error("reconciling panicked; see the log for the location")]
    Panic,
}

/// Reconciles at intervals until `stop`.
pub async fn run(ctx: &WorkerContext, stop: &CancellationToken) {
    let mut ticks = interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        let outcome = stop
            .run_until_cancelled(timeout(RUN_TIMEOUT, caught(run_once(ctx))))
            .await;
        let result = match outcome {
            None => return,
            Some(Ok(result)) => result,
            Some(Err(_)) => Err(ReconcileError::Timeout),
        };
        if let Err(error) = result {
            let error = chain(&error);
            tracing::warn!(error, "cannot reconcile");
        }
    }
}

/// Reconciles everything once, unless another worker is doing so.
pub async fn run_once(ctx: &WorkerContext) -> Result<(), ReconcileError> {
    let mut lock = ctx.begin().await?;
    if !locks::try_lock(&mut lock, LOCK).await? {
        return Ok(());
    }
    let result = reconcile_all(ctx).await;
    release(lock).await?;
    result
}

/// Looks for recorders that have left the room of a meeting, as the reconciler does for all rooms. Does nothing if the
/// platform no longer lists the room: only `meeting_end` judges that.
pub async fn check_room(ctx: &WorkerContext, meeting: MeetingId) -> Result<(), ReconcileError> {
    let found = meetings::find(&mut *ctx.conn().await?, meeting).await?;
    let Some(meeting) = found.filter(MeetingHead::is_open) else {
        return Ok(());
    };
    let Some(platform) = ctx.platforms.get(meeting.platform_room.platform) else {
        return Ok(());
    };
    let open = [meeting.platform_room];
    let Presence::Known(rooms) = platform.presence(&open).await? else {
        return Ok(());
    };
    match rooms.into_iter().find(|present| open[0].may_be(&present.room)) {
        Some(present) => coverage::reconcile_room(ctx, platform, present).await.map(drop),
        None => Ok(()),
    }
}

/// Reconciles all platforms; one that does not answer does not prevent the rest. Returns the first error.
async fn reconcile_all(ctx: &WorkerContext) -> Result<(), ReconcileError> {
    let mut first_error = Ok(());
    for platform in ctx.platforms.iter() {
        let result = reconcile_platform(ctx, platform).await;
        first_error = first_error.and(result);
    }
    first_error = first_error.and(controls::reconcile(ctx).await);
    first_error = first_error.and(stuck::reconcile(ctx).await);
    first_error.and(abandoned::reconcile(ctx).await)
}

async fn reconcile_platform(ctx: &WorkerContext, platform: &Arc<dyn Platform>) -> Result<(), ReconcileError> {
    let open = open_meetings(ctx, platform.kind()).await?;
    let rooms: Vec<PlatformRoomRef> = open.iter().map(|meeting| meeting.platform_room.clone()).collect();
    if let Presence::Known(present) = platform.presence(&rooms).await? {
        meeting_end::reconcile(ctx, &open, &present).await;
        coverage::reconcile(ctx, platform, present, &open).await;
    }
    let removed = made_rooms::reconcile(ctx, platform).await;
    removed.and(captures::reconcile(ctx, platform).await)
}

async fn open_meetings(ctx: &WorkerContext, platform: PlatformKind) -> Result<Vec<MeetingHead>, StorageError> {
    let mut open = meetings::list_open(&mut *ctx.conn().await?).await?;
    open.retain(|meeting| meeting.platform_room.platform == platform);
    Ok(open)
}

/// Reconciles one room, meeting or recording. Logs and counts its error or panic: the others are reconciled all the same, and
/// this one in the next run.
async fn one<E: Into<ReconcileError>>(
    reconciler: &'static str,
    what: impl Display,
    work: impl Future<Output = Result<(), E>>,
) {
    let result = caught(async { work.await.map_err(Into::into) }).await;
    if let Err(error) = result {
        let error = chain(&error);
        tracing::warn!(reconciler, %what, error, "cannot reconcile; trying again in the next run");
        counter!("trackscribe_reconcile_errors_total", "reconciler" => reconciler).increment(1);
    }
}

/// A panic as an error.
async fn caught(work: impl Future<Output = Result<(), ReconcileError>>) -> Result<(), ReconcileError> {
    let caught = AssertUnwindSafe(work).catch_unwind().await;
    caught.unwrap_or(Err(ReconcileError::Panic))
}

async fn release(lock: PgTransaction<'_>) -> Result<(), StorageError> {
    Ok(lock.rollback().await?)
}

#[cfg(test)]
mod tests;
