//! The setting values that are implemented. The domain defines more; requests for those are rejected with the list of
//! implemented values, never accepted and ignored.

use domain::{
    event::PlatformKind,
    room::{ConsentPolicy, RecordingPolicy, Room},
};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::api::error::{ApiError, ApiResult};

/// What is recorded. `automatic`: every microphone track, from the moment it is published. `off`: nothing.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecordingChoice {
    Automatic,
    Off,
}

/// Whether participants are asked for consent before they are recorded. `none`: nobody is asked.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConsentChoice {
    None,
}

/// The video platform that hosts the room's meetings.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PlatformChoice {
    Livekit,
    Daily,
    Whereby,
}

impl From<PlatformChoice> for PlatformKind {
    fn from(choice: PlatformChoice) -> Self {
        match choice {
            PlatformChoice::Livekit => Self::Livekit,
            PlatformChoice::Daily => Self::Daily,
            PlatformChoice::Whereby => Self::Whereby,
        }
    }
}

/// Refuses to record on a platform whose recordings do not reach us yet: no setting is accepted and then ignored.
pub fn check_recording(room: &Room) -> ApiResult<()> {
    match (room.platform, room.recording) {
        (PlatformKind::Livekit, _) | (_, RecordingPolicy::Off) => Ok(()),
        (platform, _) => Err(ApiError::invalid(
            "recording",
            format!("{platform} rooms are not recorded yet; use off"),
        )),
    }
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
