//! What goes in and out of the signalling machine.

use std::time::Duration;

use livekit_protocol::{
    SessionDescription, TrackInfo as PublishedTrack, TrickleRequest, signal_request::Message as Request,
};
use secrecy::SecretString;

use super::{participants::TrackChange, url::Attempt};
use crate::error::{BoxError, JoinError, LeaveReason, SubscriptionError};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// The server makes the offers. Comes back by full reconnect.
    Subscriber,
    /// We make the offers. Resumes; a session that is lost as a whole is over.
    Publisher,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub reconnect_for: Duration,
    /// Of the jitter.
    pub seed: u64,
}

/// Who we are in the room.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Own {
    pub room_sid: String,
    pub sid: String,
    pub identity: String,
}

#[derive(Debug)]
pub(crate) enum Output {
    /// Open a WebSocket; takes the place of the one before.
    Dial(Dial),
    Send(Request),
    /// Close the WebSocket when everything is sent.
    Hangup,
    Event(SignalEvent),
}

#[derive(Debug)]
pub(crate) struct Dial {
    pub attempt: Attempt,
    /// The newest token that the server gave; without one a new one is to be made.
    pub token: Option<SecretString>,
}

#[derive(Debug)]
pub(crate) enum DialError {
    Refused { status: u16, text: String },
    Unreachable(BoxError),
}

#[derive(Debug)]
pub(crate) enum SignalEvent {
    /// A session has begun and needs a new media connection; an earlier one is void.
    Joined(Own),
    Reconnecting,
    Resumed,
    Offer(SessionDescription),
    Answer(SessionDescription),
    Trickle(TrickleRequest),
    Track(TrackChange),
    SubscriptionFailed {
        sid: String,
        error: SubscriptionError,
    },
    Published {
        cid: String,
        track: PublishedTrack,
    },
    RequestFailed {
        text: String,
    },
    /// The first join failed; nothing follows.
    Failed(JoinError),
    /// Nothing follows.
    Left(LeaveReason),
}

impl From<DialError> for JoinError {
    fn from(error: DialError) -> Self {
        match error {
            DialError::Refused { status, text } => Self::Refused { status, text },
            DialError::Unreachable(cause) => Self::Unreachable(cause),
        }
    }
}
