//! Errors of platform calls, webhooks and join requests.

use std::time::Duration;

use domain::event::PlatformKind;
use thiserror::Error;

use crate::Capability;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A failed call to a platform.
#[derive(Debug, Error)]
pub enum PlatformError {
    /// No response. The platform may still have carried out the request.
    #[error("{0} is unreachable; check that it runs and that its address is correct")]
    Unreachable(PlatformKind, #[source] BoxError),
    /// A response that does not come from the platform's API, for example from a proxy, or LiveKit's plain-text
    /// "invalid token".
    #[error("{0} sent an unexpected response; check its address, the API key and secret")]
    UnexpectedResponse(PlatformKind, #[source] BoxError),
    /// The platform reported a temporary failure or a timeout of its own.
    #[error("{0} is temporarily unable to handle the request")]
    Busy(PlatformKind, #[source] BoxError),
    /// The platform wants fewer requests. It has not carried this one out.
    #[error("{kind} allows no more requests for {} s", retry_after.as_secs())]
    RateLimited { kind: PlatformKind, retry_after: Duration },
    /// The room, participant or capture does not exist.
    #[error("{0} has no such object")]
    NotFound(PlatformKind, #[source] BoxError),
    /// The platform rejects our API key.
    #[error("{0} rejects the API key; check key and secret")]
    Unauthorized(PlatformKind, #[source] BoxError),
    /// The platform rejects the request. Repeating it cannot help.
    #[error("{0} rejects the request")]
    Refused(PlatformKind, #[source] BoxError),
    /// The platform's own settings forbid the request.
    #[error("the settings of {0} do not allow this")]
    NotAllowed(PlatformKind, #[source] BoxError),
    /// The platform has no such function.
    #[error("{0} cannot {1}")]
    Unsupported(PlatformKind, Capability),
}

impl PlatformError {
    /// Whether the same call may succeed later without anyone changing anything.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Unreachable(..) | Self::UnexpectedResponse(..) | Self::Busy(..) | Self::RateLimited { .. }
        )
    }

    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound(..))
    }
}

/// Why a webhook is rejected. Messages name the failed check and never contain data from the request.
#[derive(Debug, Error)]
pub enum WebhookError {
    #[error("the webhook has no signature")]
    MissingSignature,
    #[error("the webhook's signature is malformed")]
    MalformedSignature,
    #[error("the webhook is signed with an unknown key; check the key in the platform's webhook settings")]
    UnknownKey,
    #[error("the webhook's signature is wrong; check the secret in the platform's webhook settings")]
    WrongSignature,
    #[error("the webhook's signature is not valid yet; check the clocks of both hosts")]
    NotYetValid,
    #[error("the webhook's signature has expired; check the clocks of both hosts")]
    Expired,
    #[error("the webhook's body does not match its signature")]
    DigestMismatch,
    #[error("the webhook's body is not a valid event")]
    InvalidBody(#[source] serde_json::Error),
}

impl WebhookError {
    /// Whether authentication failed, as opposed to an unreadable body of an authentic webhook.
    pub fn is_unauthorized(&self) -> bool {
        !matches!(self, Self::InvalidBody(_))
    }
}

/// Why a join token cannot be issued.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum JoinError {
    #[error("a token must be valid for 300 to 86400 seconds")]
    InvalidTtl,
    #[error("an identity must have 1 to 256 bytes in UTF-8 and no control characters")]
    InvalidIdentity,
    #[error("a display name must have at most 256 bytes in UTF-8 and no control characters")]
    InvalidDisplayName,
    #[error("this platform lets everyone publish and be seen; it cannot have other permissions for a person")]
    UnsupportedPermissions,
}
