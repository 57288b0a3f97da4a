//! Deletes platform rooms that we made and that are no longer needed: their meeting has closed, they have expired, their room
//! was deleted, or the process that made them died before it stored that.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    PlatformRoomKey,
    event::{EventRoom, PlatformKind},
    platform_room::PlatformRoom,
};
use platform::{LeftoverRoom, Platform};
use storage::{StorageError, platform_rooms};

use super::{ReconcileError, one};
use crate::context::WorkerContext;

/// Rooms that one run deletes at most, because platforms limit how often one may.
const BATCH: i64 = 10;

/// How old a platform room must be that no row knows: a join that is under way stores its row within seconds.
const LEFTOVER_AFTER: TimeDelta = TimeDelta::minutes(10);

/// How often leftovers are looked for. They are rare, and listing rooms is expensive.
const LEFTOVER_INTERVAL: TimeDelta = TimeDelta::minutes(10);

/// When leftovers were last looked for on each platform.
#[derive(Debug, Default)]
pub struct LastLooks(Mutex<HashMap<PlatformKind, DateTime<Utc>>>);

impl LastLooks {
    /// Whether it is time to look again, which is noted.
    fn is_due(&self, platform: PlatformKind, now: DateTime<Utc>) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = last.get(&platform).is_none_or(|at| now - *at >= LEFTOVER_INTERVAL);
        if is_due {
            last.insert(platform, now);
        }
        is_due
    }
}

/// Deletes what is no longer needed on one platform.
pub async fn reconcile(ctx: &WorkerContext, platform: &Arc<dyn Platform>) -> Result<(), ReconcileError> {
    if !platform.kind().needs_made_rooms() {
        return Ok(());
    }
    let now = (ctx.clock)();
    let ended = list_ended(ctx, platform, now).await?;
    for room in ended {
        one("made_rooms", room.made.key.clone(), delete(ctx, platform, &room)).await;
    }
    if ctx.leftovers.is_due(platform.kind(), now) {
        delete_leftovers(ctx, platform, now).await?;
    }
    Ok(())
}

async fn list_ended(
    ctx: &WorkerContext,
    platform: &Arc<dyn Platform>,
    now: DateTime<Utc>,
) -> Result<Vec<PlatformRoom>, StorageError> {
    let mut conn = ctx.conn().await?;
    platform_rooms::end_unused(&mut conn, now).await?;
    platform_rooms::list_to_remove(&mut conn, platform.kind(), BATCH).await
}

async fn delete(ctx: &WorkerContext, platform: &Arc<dyn Platform>, room: &PlatformRoom) -> Result<(), ReconcileError> {
    platform.delete_room(&by_key(&room.made.key)).await?;
    tracing::info!(room = %room.made.key, platform = %room.platform, "deleted a platform room that has ended");
    Ok(platform_rooms::set_removed(&mut *ctx.conn().await?, room.id, (ctx.clock)()).await?)
}

/// Deletes platform rooms of our rooms that no row knows.
async fn delete_leftovers(
    ctx: &WorkerContext,
    platform: &Arc<dyn Platform>,
    now: DateTime<Utc>,
) -> Result<(), ReconcileError> {
    let is_old = |room: &LeftoverRoom| room.created_at.is_some_and(|at| now - at >= LEFTOVER_AFTER);
    let mut listed = platform.list_made_rooms().await?;
    listed.retain(is_old);
    let unknown = unknown(ctx, platform, listed).await?;
    for room in unknown.iter().take(BATCH as usize) {
        one("made_rooms", room.clone(), delete_leftover(platform, room)).await;
    }
    Ok(())
}

async fn delete_leftover(platform: &Arc<dyn Platform>, room: &PlatformRoomKey) -> Result<(), ReconcileError> {
    tracing::warn!(%room, platform = %platform.kind(), "deleting a platform room that no join has stored");
    Ok(platform.delete_room(&by_key(room)).await?)
}

/// Returns the listed rooms that belong to a room of ours and have no row. Another installation may use the same account.
async fn unknown(
    ctx: &WorkerContext,
    platform: &Arc<dyn Platform>,
    listed: Vec<LeftoverRoom>,
) -> Result<BTreeSet<PlatformRoomKey>, StorageError> {
    let mut conn = ctx.conn().await?;
    let mut unknown = BTreeSet::new();
    for room in listed {
        let is_stored = platform_rooms::find_by_key(&mut conn, platform.kind(), &room.key)
            .await?
            .is_some();
        if !is_stored && storage::rooms::find(&mut conn, room.room_id).await?.is_some() {
            unknown.insert(room.key);
        }
    }
    Ok(unknown)
}

fn by_key(key: &PlatformRoomKey) -> EventRoom {
    EventRoom {
        name: None,
        key: key.clone(),
        session: None,
        created_at: None,
    }
}

#[cfg(test)]
mod tests;
