//! Adapters for video platforms: one trait, and one implementation per platform.
//!
//! An adapter verifies and parses webhooks, issues join tokens, and calls the platform's API for rooms and recordings. It
//! translates the platform's terms into ours and makes no decisions: the effect of an event is left to
//! `domain::meeting`, persistence to `storage`, and retries to the worker.

pub mod daily;
mod error;
#[cfg(feature = "fake")]
pub mod fake;
mod lenient;
pub mod livekit;
mod name_uuid;
mod redact;
mod registry;
mod rest;
pub mod whereby;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use domain::event::{CaptureReport, EventRoom, PlatformEvent, PlatformKind};
use domain::meeting::LiveParticipant;
use domain::permissions::Permissions;
use domain::{Identity, PlatformCaptureId, RoomName, TrackSid};
use http::HeaderMap;
use secrecy::SecretString;

pub use error::{JoinError, PlatformError, WebhookError};
pub use registry::Platforms;

/// Validity of a join token if the request sets none.
pub const DEFAULT_TOKEN_TTL: TimeDelta = TimeDelta::hours(2);

/// Shortest validity of a join token, long enough for a slow page to use it.
pub const MIN_TOKEN_TTL: TimeDelta = TimeDelta::minutes(5);

/// Longest validity of a join token. Its holder can reopen the room for that long.
pub const MAX_TOKEN_TTL: TimeDelta = TimeDelta::hours(24);

/// A video platform. Its room names are the names of our rooms.
#[async_trait]
pub trait Platform: Send + Sync {
    /// Returns the platform that this adapter implements.
    fn kind(&self) -> PlatformKind;

    /// Verifies a webhook over its raw body and parses it. `now` is compared with the signature's validity.
    fn event(&self, headers: &HeaderMap, body: &Bytes, now: DateTime<Utc>) -> Result<VerifiedEvent, WebhookError>;

    /// Issues a token to join a room. Does not contact the platform.
    fn join_token(&self, request: &JoinRequest, now: DateTime<Utc>) -> Result<JoinToken, JoinError>;

    /// Lists all live rooms.
    async fn list_rooms(&self) -> Result<Vec<EventRoom>, PlatformError>;

    /// Lists everyone connected to a room. Empty if the room does not exist.
    async fn list_participants(&self, room: &str) -> Result<Vec<LiveParticipant>, PlatformError>;

    /// Returns a connected participant of a room, or `None`.
    async fn get_participant(&self, room: &str, identity: &Identity) -> Result<Option<LiveParticipant>, PlatformError>;

    /// Requests the recording of a track to `file`, an object key template. Not idempotent: after a transient error an
    /// capture may be running, so check [`Self::list_captures`] before repeating the call.
    async fn start_capture(&self, room: &str, track: &TrackSid, file: &str) -> Result<CaptureReport, PlatformError>;

    /// Lists the recordings of a room.
    async fn list_captures(&self, room: &str, which: CaptureFilter) -> Result<Vec<CaptureReport>, PlatformError>;

    /// Requests the end of a capture. Returns [`PlatformError::Refused`] if it has already ended.
    async fn stop_capture(&self, capture: &PlatformCaptureId) -> Result<CaptureReport, PlatformError>;

    /// Closes a room and disconnects everyone. Succeeds if the room does not exist.
    async fn delete_room(&self, room: &str) -> Result<(), PlatformError>;

    /// Checks that the platform responds and accepts our key.
    async fn ping(&self) -> Result<(), PlatformError>;
}

/// Which recordings to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CaptureFilter {
    /// Only those that have not ended.
    Active,
    All,
}

/// An authentic webhook.
#[derive(Clone, Debug, PartialEq)]
pub struct VerifiedEvent {
    pub event: PlatformEvent,
    /// The received body with secrets redacted.
    pub stored_body: serde_json::Value,
}

/// A request for a join token.
#[derive(Clone, Debug)]
pub struct JoinRequest {
    pub room: RoomName,
    /// Generated if `None`. Joining with an identity already in use disconnects the earlier participant.
    pub identity: Option<Identity>,
    pub display_name: String,
    pub permissions: Permissions,
    /// Between [`MIN_TOKEN_TTL`] and [`MAX_TOKEN_TTL`]; [`DEFAULT_TOKEN_TTL`] if `None`.
    pub ttl: Option<TimeDelta>,
}

/// What a client needs to join a room.
#[derive(Clone, Debug)]
pub struct JoinToken {
    /// WebSocket URL for clients.
    pub url: String,
    pub token: SecretString,
    pub identity: Identity,
    pub expires_at: DateTime<Utc>,
}
