//! One session in a room, whole: what is known of its people, tracks and recordings.
//!
//! Everything that changes a meeting is a pure function here: the events of a platform ([`Situation::apply`]), what a
//! reconciler sees by looking ([`Situation::look`], [`Meeting::absent`]) and what the worker finds out
//! ([`Meeting::report`] and its neighbours). Each answers with a [`Change`]: rows to write and jobs to queue, which
//! belong in one transaction. In whatever order the events of a meeting come, and however often, it ends up the same.

mod change;
mod event_context;
mod intervals;
mod job_results;
mod lifecycle;
mod participants;
mod reconcile;
mod recordings;
mod tracks;

#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};

pub use change::{Change, Outcome};
pub use event_context::Situation;
pub use job_results::Checked;
pub use reconcile::{LiveParticipant, LiveRoom};

use crate::clock::IdSource;
use crate::event::PlatformKind;
use crate::participant::{Connection, Participant};
use crate::recording::Recording;
use crate::track::Track;
use crate::{EgressId, Identity, MeetingId, ParticipantId, PlatformRoomSid, RecordingId, RoomId, TrackId, TrackSid};

/// A meeting with all that belongs to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Meeting {
    pub head: MeetingHead,
    pub participants: Vec<Participant>,
    pub connections: Vec<Connection>,
    pub tracks: Vec<Track>,
    pub recordings: Vec<Recording>,
}

/// The meeting's own row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeetingHead {
    pub id: MeetingId,
    pub room_id: RoomId,
    pub platform: PlatformKind,
    pub platform_room_sid: PlatformRoomSid,
    /// The platform room's creation. The time of the first event stands in until an event names the creation.
    pub started_at: DateTime<Utc>,
    pub state: MeetingState,
}

/// Open or closed; closed for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MeetingState {
    Open {
        /// The first of the successful looks at the platform, one after the other, that did not name the room.
        missing_since: Option<DateTime<Utc>>,
    },
    Closed {
        ended_at: DateTime<Utc>,
    },
}

/// What a change takes from outside: the time and new ids.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    pub now: DateTime<Utc>,
    pub ids: &'a IdSource,
}

impl MeetingState {
    /// The word of the `state` column.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open { .. } => "open",
            Self::Closed { .. } => "closed",
        }
    }
}

impl MeetingHead {
    pub fn is_open(&self) -> bool {
        matches!(self.state, MeetingState::Open { .. })
    }

    pub fn ended_at(&self) -> Option<DateTime<Utc>> {
        match self.state {
            MeetingState::Open { .. } => None,
            MeetingState::Closed { ended_at } => Some(ended_at),
        }
    }
}

impl Meeting {
    pub fn participant(&self, identity: &Identity) -> Option<&Participant> {
        self.participants.iter().find(|p| p.identity == *identity)
    }

    pub fn publisher(&self, id: ParticipantId) -> Option<&Participant> {
        self.participants.iter().find(|p| p.id == id)
    }

    pub fn track(&self, sid: &TrackSid) -> Option<&Track> {
        self.tracks.iter().find(|t| t.sid == *sid)
    }

    pub fn recording(&self, id: RecordingId) -> Option<&Recording> {
        self.recordings.iter().find(|r| r.id == id)
    }

    pub fn recording_of_egress(&self, id: &EgressId) -> Option<&Recording> {
        self.recordings.iter().find(|r| r.egress_id.as_ref() == Some(id))
    }

    /// Whether its transcript can be made: closed, and nothing more to be expected of any recording.
    pub fn is_settled(&self) -> bool {
        !self.head.is_open() && self.recordings.iter().all(Recording::is_settled)
    }

    fn recordings_of(&self, track: TrackId) -> impl Iterator<Item = &Recording> {
        self.recordings.iter().filter(move |r| r.track_id == track)
    }

    /// The change that `edit` makes to a copy.
    fn edited(&self, edit: impl FnOnce(&mut Self)) -> Change {
        let mut after = self.clone();
        edit(&mut after);
        let mut change = Change::new(Outcome::Applied);
        change.add(Some(self), &after);
        change
    }
}
