//! Closes meetings once two successful polls in a row no longer list their room.

use std::collections::BTreeSet;

use domain::{
    PlatformRoomSid,
    event::{EventRoom, PlatformKind},
    meeting::{Meeting, MeetingHead, MeetingState},
};
use storage::{StorageError, meetings};

use super::ReconcileError;
use crate::context::WorkerContext;

/// Compares the open meetings of a platform with the rooms that it lists. Must not be called after a failed poll: it does
/// not count.
pub async fn reconcile(ctx: &WorkerContext, platform: PlatformKind, rooms: &[EventRoom]) -> Result<(), ReconcileError> {
    let listed: BTreeSet<&PlatformRoomSid> = rooms.iter().map(|room| &room.sid).collect();
    let mut conn = ctx.conn().await?;
    let open = meetings::list_open(&mut conn).await?;
    drop(conn);
    for meeting in open.into_iter().filter(|meeting| meeting.platform == platform) {
        let is_listed = listed.contains(&meeting.platform_room_sid);
        if !is_listed || was_missing(&meeting) {
            save_presence(ctx, &meeting, is_listed.into()).await?;
        }
    }
    Ok(())
}

/// Whether the poll listed a meeting's room.
#[derive(Clone, Copy)]
enum Presence {
    Listed,
    Missing,
}

impl From<bool> for Presence {
    fn from(is_listed: bool) -> Self {
        if is_listed { Self::Listed } else { Self::Missing }
    }
}

async fn save_presence(ctx: &WorkerContext, meeting: &MeetingHead, presence: Presence) -> Result<(), StorageError> {
    let mut tx = ctx.begin().await?;
    let Some((_, meeting)) = meetings::lock(&mut tx, meeting.id).await? else {
        return Ok(());
    };
    let change = change(ctx, &meeting, presence);
    if change
        .meetings
        .iter()
        .any(|after| meeting.head.is_open() && !after.is_open())
    {
        tracing::info!(meeting.id = %meeting.head.id, "meeting closed: the platform no longer lists its room");
    }
    meetings::save(&mut tx, &change).await?;
    storage::pool::commit(tx).await
}

fn change(ctx: &WorkerContext, meeting: &Meeting, presence: Presence) -> domain::meeting::Change {
    match presence {
        Presence::Listed => meeting.mark_listed(),
        Presence::Missing => meeting.mark_unlisted((ctx.clock)()),
    }
}

fn was_missing(meeting: &MeetingHead) -> bool {
    matches!(meeting.state, MeetingState::Open { missing_since: Some(_) })
}
