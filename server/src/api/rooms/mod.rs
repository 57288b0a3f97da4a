//! Rooms and the tokens to join them.

mod admit;
pub mod create;
pub mod delete;
pub mod get;
pub mod join;
pub mod list;
pub mod refresh;
pub mod update;

mod audit;
mod credentials;
mod path;
mod permissions;
mod settings;
#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};
use domain::{
    RoomName,
    event::PlatformKind,
    room::{ConsentPolicy, Language, RecordingPolicy, Room},
};
pub use join::is_reserved;
pub use path::RoomPath;
pub use permissions::{PermissionsBody, PermissionsChoice};
use serde::Serialize;
pub use settings::{ConsentChoice, PlatformChoice, RecordingChoice, check_recording};
use utoipa::ToSchema;

/// A permanent place for meetings, with a name and settings.
#[derive(Serialize, ToSchema)]
#[schema(as = Room)]
pub struct RoomBody {
    /// Unique name: 1 to 63 characters of `a-z`, `0-9` and `-`, not beginning with `-`.
    #[schema(value_type = String, pattern = "^[a-z0-9][a-z0-9-]{0,62}$", example = "standup")]
    pub name: RoomName,
    /// Video platform that hosts the room's meetings.
    pub platform: PlatformKind,
    /// What is recorded. `automatic`: every microphone track, from the moment it is published. `off`: nothing. `prompt` is
    /// reserved.
    pub recording: RecordingPolicy,
    /// Whether participants are asked for consent before they are recorded. `none`: nobody is asked. `ask` and `require` are
    /// reserved.
    pub consent: ConsentPolicy,
    /// Language spoken in the room, as a BCP 47 tag.
    #[schema(value_type = String, example = "en")]
    pub language: Language,
    /// When the room was created.
    pub created_at: DateTime<Utc>,
    /// When the settings were last changed.
    pub updated_at: DateTime<Utc>,
}

impl From<Room> for RoomBody {
    fn from(room: Room) -> Self {
        Self {
            name: room.name,
            platform: room.platform,
            recording: room.recording,
            consent: room.consent,
            language: room.language,
            created_at: room.created_at,
            updated_at: room.updated_at,
        }
    }
}
