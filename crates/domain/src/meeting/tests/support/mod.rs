//! What the tests of a meeting share: a store in memory, and builders of events.

mod call;
mod room_store;

use chrono::{DateTime, Utc};
use uuid::Uuid;

pub use call::{Call, microphone, person, recorder};
pub use room_store::RoomStore;

use crate::MeetingId;
use crate::participant::{ObservedParticipant, ParticipantKind};
use crate::track::NotRecorded;

/// The id of the first meeting of a [`RoomStore`].
pub const FIRST_MEETING: MeetingId = MeetingId(Uuid::from_u64_pair(0, 2));

/// Seconds after the room's creation.
pub fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_248_000 + seconds, 0).unwrap()
}

pub fn zoe() -> ObservedParticipant {
    person("zoe", "PA_1", 1)
}

pub fn of_kind(kind: ParticipantKind) -> ObservedParticipant {
    ObservedParticipant {
        kind,
        ..person("other", "PA_9", 2)
    }
}

/// Returns why the first track is not recorded.
pub fn only_track_reason(store: &RoomStore) -> Option<NotRecorded> {
    store.meeting("RM_1").unwrap().tracks[0].not_recorded
}
