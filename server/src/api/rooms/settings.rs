//! The settings that can be chosen now. The domain knows more; what does not work yet is refused, never accepted and
//! ignored, and the refusal names what is there.

use domain::{
    event::PlatformKind,
    room::{ConsentPolicy, RecordingPolicy},
};
use serde::Deserialize;
use utoipa::ToSchema;

/// When a room's meetings are recorded.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecordingChoice {
    Automatic,
    Off,
}

/// Whom we ask before we record.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConsentChoice {
    None,
}

/// Who carries a room's audio and video.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PlatformChoice {
    Livekit,
}

impl From<RecordingChoice> for RecordingPolicy {
    fn from(choice: RecordingChoice) -> Self {
        match choice {
            RecordingChoice::Automatic => Self::Automatic,
            RecordingChoice::Off => Self::Off,
        }
    }
}

impl From<ConsentChoice> for ConsentPolicy {
    fn from(choice: ConsentChoice) -> Self {
        match choice {
            ConsentChoice::None => Self::None,
        }
    }
}

impl From<PlatformChoice> for PlatformKind {
    fn from(choice: PlatformChoice) -> Self {
        match choice {
            PlatformChoice::Livekit => Self::Livekit,
        }
    }
}
