//! What was said in a meeting, by whom and when, and the ways it is written out.

use serde::{Deserialize, Serialize};

use crate::{Identity, MeetingId, RecordingId};

pub mod accuracy;
pub mod render;

/// One spoken word on the meeting's clock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Word {
    pub text: String,
    /// Since the meeting began.
    pub start_ms: i64,
    pub end_ms: i64,
    /// 0 to 1; null where the engine gives none.
    pub confidence: Option<f32>,
}

/// One utterance of one speaker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Segment {
    pub speaker: Identity,
    pub start_ms: i64,
    pub end_ms: i64,
    pub text: String,
    pub words: Vec<Word>,
}

/// Someone who took part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Speaker {
    pub identity: Identity,
    pub display_name: String,
}

/// A recording whose words are not in the transcript.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Missing {
    pub recording_id: RecordingId,
    pub identity: Identity,
    pub reason: String,
}

/// The text of a meeting.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Transcript {
    pub meeting_id: MeetingId,
    pub language: String,
    pub duration_ms: i64,
    pub speakers: Vec<Speaker>,
    pub segments: Vec<Segment>,
    pub missing: Vec<Missing>,
}

/// How far a meeting's transcript is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(
    feature = "sqlx",
    derive(sqlx::Type),
    sqlx(type_name = "text", rename_all = "snake_case")
)]
pub enum TranscriptState {
    /// The meeting goes on, or its recordings are not settled.
    Pending,
    /// Being made.
    Running,
    /// There, also when some recordings failed: `missing` names them.
    Ready,
    /// Nothing was said.
    Empty,
    /// No recording could be transcribed.
    Failed,
}

impl Transcript {
    /// The name to show for an identity; the identity itself where nobody gave a name.
    pub fn display_name<'a>(&'a self, identity: &'a Identity) -> &'a str {
        let named = self
            .speakers
            .iter()
            .find(|s| s.identity == *identity && !s.display_name.trim().is_empty());
        named.map_or(identity.as_str(), |s| &s.display_name)
    }
}
