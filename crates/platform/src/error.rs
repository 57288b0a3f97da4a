//! What can go wrong with a platform.

use domain::event::PlatformKind;
use thiserror::Error;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A call to a platform that did not do what was asked.
#[derive(Debug, Error)]
pub enum PlatformError {
    /// No answer, or none that is the platform's: it may have done what we asked.
    #[error("{0} cannot be reached; check that it runs and that its address is right")]
    Unreachable(PlatformKind, #[source] BoxError),
    /// An answer that is not its API's: from something in between, or LiveKit's plain "invalid token".
    #[error("{0} gave an answer that is not its API's; check its address, and our key and secret")]
    UnexpectedResponse(PlatformKind, #[source] BoxError),
    /// It answered that it cannot do this now, or not in time.
    #[error("{0} cannot do this now")]
    Busy(PlatformKind, #[source] BoxError),
    /// What the call is about does not exist.
    #[error("{0} does not know it")]
    NotFound(PlatformKind, #[source] BoxError),
    /// Our key is not one that it takes.
    #[error("{0} refuses our API key; check key and secret")]
    Unauthorized(PlatformKind, #[source] BoxError),
    /// It will not do this, however often it is asked.
    #[error("{0} refuses")]
    Refused(PlatformKind, #[source] BoxError),
}

impl PlatformError {
    /// Whether the same call may succeed later without anyone changing anything.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Unreachable(..) | Self::UnexpectedResponse(..) | Self::Busy(..)
        )
    }

    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound(..))
    }
}

/// Why a webhook is not taken. Names the check, never what was sent.
#[derive(Debug, Error)]
pub enum WebhookError {
    #[error("the webhook has no signature")]
    MissingSignature,
    #[error("the webhook's signature is damaged")]
    MalformedSignature,
    #[error("the webhook is signed with a key that we do not have; check the key of the platform's webhook settings")]
    UnknownKey,
    #[error("the webhook's signature is wrong; check the secret of the platform's webhook settings")]
    WrongSignature,
    #[error("the webhook's signature is not valid yet; check that both clocks are right")]
    NotYetValid,
    #[error("the webhook's signature has expired; check that both clocks are right")]
    Expired,
    #[error("the webhook's body is not the one that was signed")]
    DigestMismatch,
    #[error("the webhook's body cannot be read")]
    InvalidBody(#[source] serde_json::Error),
}

impl WebhookError {
    /// Whether the sender did not show who it is, as opposed to sending something unreadable.
    pub fn is_unauthorized(&self) -> bool {
        !matches!(self, Self::InvalidBody(_))
    }
}

/// Why no join token is made.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum JoinError {
    #[error("a token lives between 300 and 86400 seconds")]
    BadTtl,
    #[error("an identity is 1 to 256 characters, none of them a control character")]
    BadIdentity,
    #[error("a display name is at most 256 characters, none of them a control character")]
    BadDisplayName,
}
