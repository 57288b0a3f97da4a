//! Why a session could not begin, why it ended, and why a track cannot be had.

use std::time::Duration;

use thiserror::Error;

use crate::ids::RoomSid;

pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why a room could not be joined.
#[derive(Debug, Error)]
pub enum JoinError {
    #[error("`{0}` is no address of a LiveKit server; give one like ws://localhost:7880")]
    BadUrl(String),
    #[error("LiveKit refused the connection with status {status}: {text}")]
    Refused { status: u16, text: String },
    #[error("LiveKit cannot be reached; check its address and that it runs")]
    Unreachable(#[source] BoxError),
    #[error("LiveKit did not answer within {} s", .0.as_secs())]
    TimedOut(Duration),
    #[error("LiveKit ended the join: {0}")]
    Left(LeaveReason),
    #[error("the token does not fit: a subscriber needs `canSubscribe`, a publisher must not have it")]
    WrongGrants,
    #[error("no UDP socket could be opened for media; check the addresses to bind")]
    NoSocket(#[source] BoxError),
}

impl JoinError {
    pub(crate) fn ended_before_joining() -> Self {
        Self::Unreachable("the connection ended before the join completed".into())
    }

    /// Whether the same join may succeed later without anyone changing anything.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::TimedOut(_) => true,
            Self::Refused { status, .. } => *status >= 500 || *status == 429,
            Self::Left(reason) => matches!(reason, LeaveReason::Disconnected { .. }),
            Self::BadUrl(_) | Self::WrongGrants | Self::NoSocket(_) => false,
        }
    }
}

/// Why a session is over. Nothing follows it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LeaveReason {
    #[error("we left")]
    ClientInitiated,
    #[error("the room was closed")]
    RoomClosed,
    #[error("we were removed from the room")]
    Removed,
    #[error("another participant took our identity")]
    DuplicateIdentity,
    /// The server lost the room and made a new one of the same name; what was recorded ends here.
    #[error("the room {was} is gone, its name belongs to {now} now")]
    RoomChanged { was: RoomSid, now: RoomSid },
    #[error("LiveKit refused a reconnect with status {status}: {text}")]
    Refused { status: u16, text: String },
    #[error("no connection for {} s", .0.as_secs())]
    ReconnectTimedOut(Duration),
    /// The connection ended for a cause that a new connection may cure.
    #[error("disconnected: {cause}")]
    Disconnected { cause: String },
}

/// Why a track that was subscribed to does not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SubscriptionError {
    /// The track is neither Opus nor RED, or it is encrypted RED.
    #[error("the track cannot be had as plain Opus")]
    CodecUnsupported,
    #[error("the track does not exist")]
    NotFound,
    #[error("the server did not offer the track in time")]
    TimedOut,
}
