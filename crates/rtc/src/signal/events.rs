//! Inputs and outputs of the signalling client.

use std::time::Duration;

use livekit_protocol::{
    SessionDescription, TrackInfo as PublishedTrack, TrickleRequest, signal_request::Message as Request,
};
use secrecy::SecretString;

use super::{attempt::ConnectAttempt, participants::TrackChange};
use crate::{
    error::{BoxError, JoinError, LeaveReason, SubscriptionError},
    ids::{ParticipantSid, RoomSid, TrackSid},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Receives media; the server makes the offers.
    Subscriber,
    /// Sends media and makes the offers.
    Publisher,
}

/// How often and how evenly to try to join, and when to resume.
#[derive(Debug, Clone, Copy)]
pub(crate) struct JoinPolicy {
    /// Attempts while failures are transient.
    pub attempts: u32,
    /// How long a lost WebSocket is not replaced while media goes on.
    pub resume_after: Duration,
    pub jitter_seed: u64,
}

/// Our own participant in the room. All fields are empty before the join.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct LocalParticipant {
    pub room_sid: RoomSid,
    pub sid: ParticipantSid,
    pub identity: String,
}

#[derive(Debug)]
pub(crate) enum SignalOutput {
    /// Open a WebSocket, which replaces the previous one.
    Dial(Dial),
    Send(Request),
    /// Close the WebSocket once all messages are sent.
    Hangup,
    Event(SignalEvent),
}

#[derive(Debug)]
pub(crate) struct Dial {
    pub attempt: ConnectAttempt,
    /// The newest token from the server. If there is none, a new token is needed.
    pub token: Option<SecretString>,
}

/// Why a WebSocket could not be opened.
#[derive(Debug)]
pub(crate) enum DialError {
    Refused { status: u16, text: String },
    Unreachable(BoxError),
}

#[derive(Debug)]
pub(crate) enum SignalEvent {
    /// We have joined. Needs a media connection. Sent once.
    Joined(LocalParticipant),
    /// All tracks that were published at the join have been reported.
    TracksListed,
    Reconnecting,
    Resumed,
    Offer(SessionDescription),
    Answer(SessionDescription),
    Trickle(TrickleRequest),
    Track(TrackChange),
    SubscriptionFailed {
        sid: TrackSid,
        error: SubscriptionError,
    },
    Published {
        cid: String,
        track: PublishedTrack,
    },
    RequestFailed {
        text: String,
    },
    /// The join failed. Nothing follows.
    JoinFailed(JoinError),
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
