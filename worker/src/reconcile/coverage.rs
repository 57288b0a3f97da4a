//! Compares live participants and tracks with ours: adds those whose webhooks were lost, and requests missing recordings.

use std::sync::Arc;

use domain::{
    event::EventRoom,
    meeting::{EventContext, LiveRoom},
};
use platform::{Platform, PlatformError};
use storage::{ChangeTx, StorageError, meetings::Adopt};

use super::ReconcileError;
use crate::{context::WorkerContext, log::chain};

/// Reconciles every live room that is ours. A room whose participants cannot be listed is left for the next run.
pub async fn reconcile(
    ctx: &WorkerContext,
    platform: &Arc<dyn Platform>,
    rooms: &[EventRoom],
) -> Result<(), ReconcileError> {
    for room in rooms {
        match platform.list_participants(&room.name).await {
            Ok(participants) => {
                let room = room.clone();
                reconcile_room(ctx, platform, LiveRoom { room, participants }).await?;
            }
            Err(error) => log_skipped(room, &error),
        }
    }
    Ok(())
}

async fn reconcile_room(ctx: &WorkerContext, platform: &Arc<dyn Platform>, live: LiveRoom) -> Result<(), StorageError> {
    let mut tx = ChangeTx::begin(&ctx.pool).await?;
    let decide = |context: &EventContext| context.reconcile(&live, ctx.env());
    let change = tx
        .change_platform_room(platform.kind(), &live.room, adopt(ctx), decide)
        .await?;
    if let Some(change) = change.filter(|change| !change.is_empty()) {
        let (room, jobs) = (&live.room.name, change.jobs.len());
        tracing::info!(
            room,
            jobs,
            recordings = change.recordings.len(),
            "found changes without a webhook"
        );
    }
    tx.commit().await
}

fn adopt(ctx: &WorkerContext) -> Adopt {
    if ctx.adopt_rooms {
        Adopt::As {
            id: (ctx.ids)().into(),
            now: (ctx.clock)(),
        }
    } else {
        Adopt::Never
    }
}

fn log_skipped(room: &EventRoom, error: &PlatformError) {
    let error = chain(error);
    tracing::warn!(room = room.name, error, "cannot list the participants of a room");
}
