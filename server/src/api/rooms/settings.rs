//! The setting values that are implemented. The domain defines more; requests for those are rejected with the list of
//! implemented values, never accepted and ignored.

use domain::room::{ConsentPolicy, RecordingPolicy};
use serde::Deserialize;
use utoipa::ToSchema;

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
