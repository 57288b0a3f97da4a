//! Closes meetings once two successful polls in a row no longer list their room.

use domain::{
    MeetingId,
    meeting::{MeetingHead, MeetingState},
};
use platform::PresentRoom;
use storage::StorageError;

use super::one;
use crate::{change::change_and_commit, context::WorkerContext};

/// Compares the open meetings of a platform with the rooms that it lists. Must not be called after a failed poll, or one that
/// does not know: these do not count.
pub async fn reconcile(ctx: &WorkerContext, open: &[MeetingHead], present: &[PresentRoom]) {
    for meeting in open {
        let is_listed = present
            .iter()
            .any(|present| meeting.platform_room.may_be(&present.room));
        let listing = match is_listed {
            false => Listing::Missing,
            true if was_missing(meeting) => Listing::Listed,
            true => continue,
        };
        one("meeting_end", meeting.id, save_listing(ctx, meeting.id, listing)).await;
    }
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
