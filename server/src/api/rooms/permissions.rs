use domain::permissions::{PermissionChoice, Permissions};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What somebody may do. What is omitted is as their role has it: `host` and `participant` may do everything and are
/// visible, `listener` publishes nothing. Everyone may watch and listen.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PermissionsChoice {
    /// Publish a microphone. Not for a `listener`.
    pub audio: Option<bool>,
    /// Publish a camera. Not for a `listener`.
    pub video: Option<bool>,
    /// Publish a screen with its sound. Not for a `listener`.
    pub screen: Option<bool>,
    /// Send data messages, such as chat. Not for a `listener`.
    pub data: Option<bool>,
    /// Be invisible to others. Only for a `listener`: people must be able to see whom they hear.
    pub hidden: Option<bool>,
}

/// What somebody may do. Everyone may watch and listen.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(as = Permissions)]
pub struct PermissionsBody {
    /// May publish a microphone.
    pub audio: bool,
    /// May publish a camera.
    pub video: bool,
    /// May publish a screen with its sound.
    pub screen: bool,
    /// May send data messages.
    pub data: bool,
    /// Is invisible to others.
    pub hidden: bool,
}

impl From<PermissionsChoice> for PermissionChoice {
    fn from(choice: PermissionsChoice) -> Self {
        Self {
            audio: choice.audio,
            video: choice.video,
            screen: choice.screen,
            data: choice.data,
            hidden: choice.hidden,
        }
    }
}

impl From<Permissions> for PermissionsBody {
    fn from(permissions: Permissions) -> Self {
        Self {
            audio: permissions.audio,
            video: permissions.video,
            screen: permissions.screen,
            data: permissions.data,
            hidden: permissions.hidden,
        }
    }
}
