//! Closes meetings once two successful polls in a row no longer list their room.

use std::collections::BTreeSet;

use domain::{
    MeetingId, PlatformRoomKey,
    event::{EventRoom, PlatformKind},
    meeting::{MeetingHead, MeetingState},
};
use storage::{StorageError, meetings};

use super::{ReconcileError, one};
use crate::{change::change_and_commit, context::WorkerContext};

/// Compares the open meetings of a platform with the rooms that it lists. Must not be called after a failed poll: it does
/// not count.
pub async fn reconcile(ctx: &WorkerContext, platform: PlatformKind, rooms: &[EventRoom]) -> Result<(), ReconcileError> {
    let listed: BTreeSet<&PlatformRoomKey> = rooms.iter().map(|room| &room.key).collect();
    let mut conn = ctx.conn().await?;
    let open = meetings::list_open(&mut conn).await?;
    drop(conn);
    for meeting in open
        .into_iter()
        .filter(|meeting| meeting.platform_room.platform == platform)
    {
        let listing = match listed.contains(&meeting.platform_room.key) {
            false => Listing::Missing,
            true if was_missing(&meeting) => Listing::Listed,
            true => continue,
        };
        one("meeting_end", meeting.id, save_listing(ctx, meeting.id, listing)).await;
    }
    Ok(())
}

/// Whether the poll listed a meeting's room.
#[derive(Clone, Copy)]
enum Listing {
    Listed,
    Missing,
}

async fn save_listing(ctx: &WorkerContext, meeting: MeetingId, listing: Listing) -> Result<(), StorageError> {
    change_and_commit(ctx, meeting, |meeting| {
        let change = match listing {
            Listing::Listed => meeting.mark_listed(),
            Listing::Missing => meeting.mark_unlisted((ctx.clock)()),
        };
        if meeting.head.is_open() && change.meetings.iter().any(|after| !after.is_open()) {
            tracing::info!(meeting.id = %meeting.head.id, "meeting closed: the platform no longer lists its room");
        }
        change
    })
    .await
}

fn was_missing(meeting: &MeetingHead) -> bool {
    matches!(meeting.state, MeetingState::Open { missing_since: Some(_) })
}
