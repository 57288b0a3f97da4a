//! The people in an open meeting: who they are now, and what hosts do about them.

pub mod end;
pub mod live;
pub mod lock;
pub mod mute;
pub mod permissions;
pub mod removal;

mod controlled;
mod moderator;
#[cfg(test)]
mod tests;

use controlled::{ControlledMeeting, about};
use domain::Identity;
pub use moderator::{Moderator, Observer};
use platform::PlatformError;
use serde::Deserialize;
use utoipa::ToSchema;

use super::MeetingPath;
use crate::api::{
    error::{ApiError, ApiResult},
    rooms::is_reserved,
};

/// Somebody in the meeting. The identity is in the body because it may contain characters that a path cannot.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PersonChoice {
    /// Identity of the person, as `GET /v1/meetings/{id}/participants/live` names it.
    #[schema(value_type = String)]
    identity: Identity,
}

/// Recorders are no people: removing one would only end recordings.
fn not_a_recorder(identity: &Identity) -> ApiResult<()> {
    match is_reserved(identity) {
        true => Err(ApiError::NotFound("participant")),
        false => Ok(()),
    }
}

impl From<PlatformError> for ApiError {
    fn from(error: PlatformError) -> Self {
        match error {
            PlatformError::NotFound(..) => Self::NotFound("participant or track"),
            PlatformError::Unsupported(..) => Self::Unsupported(error.to_string()),
            PlatformError::NotAllowed(..) => Self::NotAllowedByPlatform(error.to_string()),
            PlatformError::Unreachable(..)
            | PlatformError::UnexpectedResponse(..)
            | PlatformError::Busy(..)
            | PlatformError::RateLimited { .. }
            | PlatformError::Unauthorized(..) => Self::Unavailable {
                what: "the video platform",
                why: error.into(),
            },
            PlatformError::Refused(..) => Self::Internal(error.into()),
        }
    }
}
