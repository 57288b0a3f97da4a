//! Why a join failed, why a connection ended, and why a track cannot be received.

use std::time::Duration;

use thiserror::Error;

use crate::ids::RoomSid;

/// The cause of an error, of any type.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why a room could not be joined.
#[derive(Debug, Error)]
pub enum JoinError {
    /// The URL has no host, or a scheme other than `ws`, `wss`, `http` and `https`.
    #[error("`{0}` is not the URL of a LiveKit server; use one like ws://localhost:7880")]
    BadUrl(String),
    /// The server answered the WebSocket request with an error.
    #[error("LiveKit refused the connection with status {status}: {text}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The response body, at most 300 characters.
        text: String,
    },
    /// The WebSocket could not be opened, or broke before the join completed.
    #[error("cannot connect to LiveKit; check its URL and that it is running")]
    Unreachable(#[source] BoxError),
    /// The server did not answer in time.
    #[error("LiveKit did not answer within {} s", .0.as_secs())]
    TimedOut(Duration),
    /// The server ended the connection, or we did, before the join completed.
    #[error("LiveKit ended the join: {0}")]
    Left(LeaveReason),
    /// The token is for the other role.
    #[error("the token has the wrong grants: a subscriber needs `canSubscribe`, a publisher must not have it")]
    WrongGrants,
    /// None of the local addresses could be bound.
    #[error("cannot open a UDP socket for media; check the addresses to bind")]
    NoSocket(#[source] BoxError),
}

impl JoinError {
    pub(crate) fn ended_before_joining() -> Self {
        Self::Unreachable("the connection ended before the join completed".into())
    }

    /// Returns whether the same join may succeed later without any change.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::TimedOut(_) => true,
            Self::Refused { status, .. } => *status >= 500 || *status == 429,
            Self::Left(reason) => matches!(reason, LeaveReason::Disconnected { .. }),
            Self::BadUrl(_) | Self::WrongGrants | Self::NoSocket(_) => false,
        }
    }
}

/// Why the connection to a room ended.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LeaveReason {
    /// `leave` was called, or all handles were dropped.
    #[error("we left the room")]
    ClientInitiated,
    /// The room was closed or deleted.
    #[error("the room was closed")]
    RoomClosed,
    /// Somebody removed us, or our token no longer grants what we need.
    #[error("we were removed from the room")]
    Removed,
    /// Another participant joined with our identity.
    #[error("another participant joined with our identity")]
    DuplicateIdentity,
    /// The server moved us to another room.
    #[error("we were moved from room {was} to room {now}")]
    RoomChanged {
        /// The room that we were in.
        was: RoomSid,
        /// The room to which the server moved us.
        now: RoomSid,
    },
    /// ICE or DTLS never connected, neither over UDP nor over TCP.
    #[error("cannot reach the media server over UDP or TCP")]
    MediaUnreachable,
    /// Media stopped, and resumes, which restart ICE, did not bring it back.
    #[error("no media arrived for {} s, although ICE was restarted", .0.as_secs())]
    NoMedia(Duration),
    /// The connection broke and could not be resumed. Joining again may succeed.
    #[error("disconnected: {cause}")]
    Disconnected {
        /// What broke.
        cause: String,
    },
}

/// Why a track that was subscribed to cannot be received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SubscriptionError {
    /// The track is neither Opus nor RED, or it is encrypted RED.
    #[error("the track is not available as Opus without redundancy")]
    CodecUnsupported,
    /// There is no such track.
    #[error("the track does not exist")]
    NotFound,
    /// The server did not offer the track, after three requests.
    #[error("the server did not offer the track in time")]
    TimedOut,
}
