//! Compares live participants, tracks and recorders with ours: adds those whose webhooks were lost, notices recorders that
//! have left, and requests missing recordings.

use std::{sync::Arc, time::Instant};

use domain::meeting::{EventContext, LiveRoom, MeetingHead, Sighting};
use futures::StreamExt;
use platform::{Platform, PresentRoom};
use storage::ChangeTx;

use super::{ReconcileError, ending, one};
use crate::context::WorkerContext;

/// Rooms that are reconciled at the same time, so that one that the platform answers slowly does not delay the rest.
const PARALLEL_ROOMS: usize = 4;

/// Reconciles every live room that is ours. A room whose participants cannot be listed is left for the next run.
/// Then ends those that should be over; `open` are the platform's open meetings before this.
pub async fn reconcile(
    ctx: &WorkerContext,
    platform: &Arc<dyn Platform>,
    present: Vec<PresentRoom>,
    open: &[MeetingHead],
) {
    futures::stream::iter(present)
        .for_each_concurrent(PARALLEL_ROOMS, async |present| {
            let key = present.room.key.clone();
            let meeting = open.iter().find(|m| m.platform_room.may_be(&present.room));
            let work = async {
                let live = reconcile_room(ctx, platform, present).await?;
                match meeting {
                    Some(meeting) => ending::reconcile_room(ctx, platform, &live, meeting).await,
                    None => Ok(()),
                }
            };
            one("coverage", key, work).await;
        })
        .await;
}

/// Reconciles one live room, and returns who is in it. If the platform does not answer, nothing is concluded.
pub async fn reconcile_room(
    ctx: &WorkerContext,
    platform: &Arc<dyn Platform>,
    PresentRoom { room, people }: PresentRoom,
) -> Result<LiveRoom, ReconcileError> {
    let listed_at = (ctx.clock)();
    let mut participants = match people {
        Some(people) => people,
        None => platform.list_participants(&room).await?,
    };
    ctx.beats.remove_dead(&room.key, &mut participants, Instant::now());
    let live = LiveRoom {
        room,
        listed_at,
        participants,
    };
    let mut tx = ChangeTx::begin(&ctx.pool).await?;
    let decide = |context: &EventContext| context.reconcile(&live, ctx.env());
    let change = tx
        .change_platform_room(Sighting::of_live(platform.kind(), &live), ctx.adopt(), decide)
        .await?;
    if let Some(change) = change.filter(|change| !change.is_empty()) {
        let (room, jobs) = (&live.room.key, change.jobs.len());
        tracing::info!(
            %room,
            jobs,
            recordings = change.recordings.len(),
            "found changes without a webhook"
        );
    }
    tx.commit().await?;
    Ok(live)
}
