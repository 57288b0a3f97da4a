//! What is known of a meeting.

use chrono::{DateTime, Utc};

use super::{Change, Outcome};
use crate::capture::Capture;
use crate::clock::IdSource;
use crate::participant::{Connection, Participant};
use crate::platform_room::PlatformRoomRef;
use crate::recording::Recording;
use crate::track::Track;
use crate::{CaptureId, Identity, MeetingId, ParticipantId, PlatformCaptureId, RecordingId, RoomId, TrackId, TrackSid};

/// A meeting with all rows that belong to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Meeting {
    /// The meeting's own row.
    pub head: MeetingHead,
    /// Everyone who was in the meeting, recorders excepted.
    pub participants: Vec<Participant>,
    /// Every connection of the participants.
    pub connections: Vec<Connection>,
    /// Every track that was published.
    pub tracks: Vec<Track>,
    /// Every capture that was requested or adopted.
    pub captures: Vec<Capture>,
    /// Every recording of the captures.
    pub recordings: Vec<Recording>,
}

/// The meeting's own row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeetingHead {
    /// Our id.
    pub id: MeetingId,
    /// The room that the meeting takes place in.
    pub room_id: RoomId,
    /// The platform room that the meeting takes place in.
    pub platform_room: PlatformRoomRef,
    /// When the meeting began on the platform. Until an event names that time, the time of the first event.
    pub started_at: DateTime<Utc>,
    /// Whether the meeting is open.
    pub state: MeetingState,
}

/// Open or closed. A closed meeting never opens again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MeetingState {
    /// The meeting is going on.
    Open {
        /// When the room was first missing from the platform's list; `None` if the latest list contains it.
        missing_since: Option<DateTime<Utc>>,
    },
    /// The meeting is over.
    Closed {
        /// When it ended.
        ended_at: DateTime<Utc>,
    },
}

/// The environment of a pure function: the time and a source of new ids.
#[derive(Clone, Copy)]
pub struct Env<'a> {
    /// The current time.
    pub now: DateTime<Utc>,
    /// Makes ids for new rows.
    pub ids: &'a IdSource,
}

impl MeetingState {
    /// Returns the value of the `state` column.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open { .. } => "open",
            Self::Closed { .. } => "closed",
        }
    }
}

impl MeetingHead {
    /// Whether the meeting is going on.
    pub fn is_open(&self) -> bool {
        matches!(self.state, MeetingState::Open { .. })
    }

    /// Returns when the meeting ended; `None` while it is open.
    pub fn ended_at(&self) -> Option<DateTime<Utc>> {
        match self.state {
            MeetingState::Open { .. } => None,
            MeetingState::Closed { ended_at } => Some(ended_at),
        }
    }
}

impl Meeting {
    /// Finds a participant by identity.
    pub fn participant(&self, identity: &Identity) -> Option<&Participant> {
        self.participants.iter().find(|p| p.identity == *identity)
    }

    /// Finds a participant by our id, as a track names its publisher.
    pub fn publisher(&self, id: ParticipantId) -> Option<&Participant> {
        self.participants.iter().find(|p| p.id == id)
    }

    /// Finds a track by the platform's id.
    pub fn track(&self, sid: &TrackSid) -> Option<&Track> {
        self.tracks.iter().find(|t| t.sid == *sid)
    }

    /// Finds a recording by our id.
    pub fn recording(&self, id: RecordingId) -> Option<&Recording> {
        self.recordings.iter().find(|r| r.id == id)
    }

    /// Finds a capture by our id.
    pub fn capture(&self, id: CaptureId) -> Option<&Capture> {
        self.captures.iter().find(|c| c.id == id)
    }

    /// Finds a capture by the platform's id.
    pub fn capture_by_platform_id(&self, id: &PlatformCaptureId) -> Option<&Capture> {
        self.captures.iter().find(|c| c.platform_id.as_ref() == Some(id))
    }

    /// Whether the transcript can be made: the meeting is closed, every capture has ended, and every recording is settled.
    pub fn is_settled(&self) -> bool {
        let has_ended = |capture: &Capture| !capture.is_open();
        !self.head.is_open() && self.captures.iter().all(has_ended) && self.recordings.iter().all(Recording::is_settled)
    }

    pub(super) fn captures_of(&self, track: TrackId) -> impl Iterator<Item = &Capture> {
        self.captures.iter().filter(move |c| c.is_of(track))
    }

    pub(super) fn recordings_of(&self, track: TrackId) -> impl Iterator<Item = &Recording> {
        self.recordings.iter().filter(move |r| r.is_of(track))
    }

    pub(super) fn recordings_by(&self, capture: CaptureId) -> impl Iterator<Item = &Recording> {
        self.recordings.iter().filter(move |r| r.capture_id == capture)
    }

    /// Returns the change that `edit` makes to a copy.
    pub(super) fn edited(&self, edit: impl FnOnce(&mut Self)) -> Change {
        let mut after = self.clone();
        edit(&mut after);
        let mut change = Change::new(Outcome::Applied);
        change.add(Some(self), &after);
        change
    }
}
