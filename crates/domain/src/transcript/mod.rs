//! The transcript of a meeting: what was said, by whom and when. [`render`] writes it in several formats.

use serde::{Deserialize, Serialize};

use crate::{Identity, MeetingId, RecordingId, TrackSid};

pub mod accuracy;
pub mod render;

/// The identity of a speaker who is not known, because a recording holds several people in one. Nobody else has it.
pub const UNKNOWN_SPEAKER: &str = "";

/// One spoken word on the meeting's clock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Word {
    /// The word as written by the engine.
    pub text: String,
    /// Start, in milliseconds since the meeting began.
    pub start_ms: i64,
    /// End, in milliseconds since the meeting began.
    pub end_ms: i64,
    /// 0 to 1; null if the engine gives none.
    pub confidence: Option<f32>,
}

/// One utterance of one speaker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Segment {
    /// Identity of the speaker. Empty if the speaker is not known, because the recording holds several people in one.
    pub speaker: Identity,
    /// Start of the first word, in milliseconds since the meeting began.
    pub start_ms: i64,
    /// End of the last word, in milliseconds since the meeting began.
    pub end_ms: i64,
    /// The words as one text.
    pub text: String,
    /// The words.
    pub words: Vec<Word>,
}

/// A participant of the meeting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Speaker {
    /// As in the segments.
    pub identity: Identity,
    /// Empty if the participant has none.
    pub display_name: String,
}

/// A stretch of a participant's track whose words are missing from the transcript.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Missing {
    /// The recording that the reason concerns. Null if none was requested for the track.
    pub recording_id: Option<RecordingId>,
    /// Who published the track. Empty if the recording holds several people in one.
    pub identity: Identity,
    /// Stable code: `late`, `cut`, `never_recorded`, `e2ee`, `codec`, `lost_packets`, `connection_lost`,
    /// `recorder_restarted`, `disk_full`, `overload`, `transcription_failed`, or the `reason` of the recording, which failed.
    pub reason: String,
    /// The track. Null in transcripts of an older version.
    #[serde(default)]
    pub track_sid: Option<TrackSid>,
    /// Start, in milliseconds since the meeting began. Null in transcripts of an older version.
    #[serde(default)]
    pub start_ms: Option<i64>,
    /// End, in milliseconds since the meeting began. Null in transcripts of an older version.
    #[serde(default)]
    pub end_ms: Option<i64>,
    /// Whether the reason is inferred. Later knowledge overrules it.
    #[serde(default)]
    pub guess: bool,
}

/// The transcript of a meeting.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Transcript {
    /// The meeting.
    pub meeting_id: MeetingId,
    /// BCP 47 tag of the room's language.
    pub language: String,
    /// Length of the meeting.
    pub duration_ms: i64,
    /// Everyone who took part.
    pub speakers: Vec<Speaker>,
    /// What was said, by start time.
    pub segments: Vec<Segment>,
    /// Whose words are missing, and when, by participant and time.
    pub missing: Vec<Missing>,
}

/// Progress of a meeting's transcript.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(
    feature = "sqlx",
    derive(sqlx::Type),
    sqlx(type_name = "text", rename_all = "snake_case")
)]
pub enum TranscriptState {
    /// The meeting is open, or its recordings are not settled.
    Pending,
    /// The transcript is being made.
    Running,
    /// The transcript is there. It is complete apart from what `missing` names.
    Ready,
    /// Nothing was said.
    Empty,
    /// No recording could be transcribed.
    Failed,
}

impl Transcript {
    /// Returns the name to show for an identity; the identity itself if there is no name.
    pub fn display_name<'a>(&'a self, identity: &'a Identity) -> &'a str {
        let named = self
            .speakers
            .iter()
            .find(|s| s.identity == *identity && !s.display_name.trim().is_empty());
        match named {
            Some(speaker) => &speaker.display_name,
            None if identity.as_str() == UNKNOWN_SPEAKER => "Unknown speaker",
            None => identity.as_str(),
        }
    }
}
