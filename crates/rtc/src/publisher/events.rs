//! What a publisher reports.

use thiserror::Error;

use crate::error::LeaveReason;

/// Something that happened to the publisher's connection.
#[derive(Debug)]
pub enum PublisherEvent {
    /// Signalling is lost and is being resumed. Media goes on.
    Reconnecting,
    /// Signalling is back.
    Resumed,
    /// The publisher has left the room. Nothing follows.
    Left(LeaveReason),
}

/// Why a track could not be published, or a frame could not be sent.
#[derive(Debug, Error)]
pub enum PublishError {
    /// The server refused the track, or signalling is interrupted.
    #[error("LiveKit refused the track: {0}")]
    Refused(String),
    /// The server did not accept the track within 10 s.
    #[error("publishing the track timed out")]
    TimedOut,
    /// The publisher has left the room.
    #[error("the publisher has left the room")]
    Left,
}
