//! Live tracks against recordings: who and what no event told us of becomes known, and what should be recorded and is
//! not is asked for (again).

use std::sync::Arc;

use domain::{
    event::EventRoom,
    meeting::{LiveRoom, Outcome},
};
use platform::{Platform, PlatformError};
use storage::{
    StorageError,
    meetings::{self, Adopt},
};

use super::ReconcileError;
use crate::{context::WorkerContext, log::chain};

/// Looks into every live room that is ours. One that cannot be looked into is left for the next round.
pub async fn reconcile(
    ctx: &WorkerContext,
    platform: &Arc<dyn Platform>,
    rooms: &[EventRoom],
) -> Result<(), ReconcileError> {
    for room in rooms {
        match platform.list_participants(&room.name).await {
            Ok(participants) => {
                reconcile_room(
                    ctx,
                    platform,
                    LiveRoom {
                        room: room.clone(),
                        participants,
                    },
                )
                .await?
            }
            Err(error) => log_skipped(room, &error),
        }
    }
    Ok(())
}

async fn reconcile_room(ctx: &WorkerContext, platform: &Arc<dyn Platform>, live: LiveRoom) -> Result<(), StorageError> {
    let mut tx = ctx.begin().await?;
    let Some(situation) = meetings::situation(&mut tx, platform.kind(), &live.room, adopt(ctx)).await? else {
        return Ok(());
    };
    let change = situation.look(&live, ctx.source());
    if change.outcome == Outcome::Applied && !change.is_empty() {
        let (room, jobs) = (&live.room.name, change.jobs.len());
        tracing::info!(
            room,
            jobs,
            recordings = change.recordings.len(),
            "found what no webhook told"
        );
        meetings::save(&mut tx, &change).await?;
    }
    storage::pool::commit(tx).await
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
    tracing::warn!(room = room.name, error, "cannot look into a room");
}
