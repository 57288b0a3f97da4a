//! What one egress of one track left, or will leave.

mod report;
mod state;

use chrono::{DateTime, Utc};

pub use report::outcome_of;
pub use state::{Active, Complete, Failed, FailureReason, IllegalTransition, RecordingState};

use crate::manifest::Fit;
use crate::text_enum::text_enum;
use crate::{EgressId, Identity, MeetingId, PlatformRoomSid, RecordingId, TrackId, TrackSid};

text_enum! {
    /// How far the words of a recording are.
    Transcription {
        Pending = "pending",
        Done = "done",
        /// Given up.
        Dead = "dead",
    }
}

/// A recording: one row.
#[derive(Clone, Debug, PartialEq)]
pub struct Recording {
    pub id: RecordingId,
    pub meeting_id: MeetingId,
    pub track_id: TrackId,
    pub identity: Identity,
    pub platform_room_sid: PlatformRoomSid,
    pub track_sid: TrackSid,
    /// `None` until the platform has answered, or told us by an event.
    pub egress_id: Option<EgressId>,
    pub requested_at: DateTime<Utc>,
    pub state: RecordingState,
    /// `None` until the worker has checked object and manifest.
    pub acceptance: Option<Acceptance>,
    pub transcription: Transcription,
}

/// What the worker read from object and manifest.
#[derive(Clone, Debug, PartialEq)]
pub struct Acceptance {
    pub accepted_at: DateTime<Utc>,
    /// Lower-case hex.
    pub sha256: String,
    pub size_bytes: i64,
    /// Length of the file at 48 kHz.
    pub samples: i64,
    pub duration_ms: i64,
    /// Wall time of sample 0 minus the meeting's start; negative where the clocks of two hosts disagree.
    pub offset_ms: i64,
    pub fit: Fit,
}

impl Recording {
    pub fn is_open(&self) -> bool {
        self.state.is_open()
    }

    /// Whether nothing more is to be expected of it: its words are there or given up, or it failed.
    pub fn is_settled(&self) -> bool {
        match self.state {
            RecordingState::Requested | RecordingState::Active(_) => false,
            RecordingState::Failed(_) => true,
            RecordingState::Complete(_) => self.transcription != Transcription::Pending,
        }
    }
}
