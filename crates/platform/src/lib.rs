//! Where the outside's words become ours: one trait, and an adapter for each platform that carries rooms.
//!
//! An adapter verifies and reads webhooks, hands out join tokens, and asks the platform about its rooms and recordings.
//! It decides nothing: what an event means for a meeting is `domain::meeting`'s, what is kept of it `storage`'s, and
//! when to ask again the worker's.

mod error;
#[cfg(feature = "fake")]
pub mod fake;
pub mod livekit;
mod registry;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use domain::event::{EgressReport, EventRoom, PlatformEvent, PlatformKind};
use domain::meeting::LiveParticipant;
use domain::participant::Role;
use domain::{EgressId, Identity, RoomName, TrackSid};
use http::HeaderMap;
use secrecy::SecretString;

pub use error::{JoinError, PlatformError, WebhookError};
pub use registry::Platforms;

/// Life of a join token that names none.
pub const DEFAULT_TOKEN_TTL: TimeDelta = TimeDelta::hours(2);

/// Shortest life of a join token: a slow page must still be able to use it.
pub const MIN_TOKEN_TTL: TimeDelta = TimeDelta::minutes(5);

/// Longest life of a join token: who holds one can open the room again.
pub const MAX_TOKEN_TTL: TimeDelta = TimeDelta::hours(24);

/// A platform that carries rooms. Room names are the platform's; ours are the same.
#[async_trait]
pub trait Platform: Send + Sync {
    fn kind(&self) -> PlatformKind;

    /// Verifies a webhook over its raw bytes and reads it. `now` bounds its age.
    fn event(&self, headers: &HeaderMap, body: &Bytes, now: DateTime<Utc>) -> Result<VerifiedEvent, WebhookError>;

    /// Makes a token to join a room with. Needs no connection to the platform.
    fn join_token(&self, request: &JoinRequest, now: DateTime<Utc>) -> Result<JoinToken, JoinError>;

    /// Every live room.
    async fn list_rooms(&self) -> Result<Vec<EventRoom>, PlatformError>;

    /// Everyone who is connected to a room; nobody for a room that does not exist.
    async fn list_participants(&self, room: &str) -> Result<Vec<LiveParticipant>, PlatformError>;

    /// One participant of a room; `None` if it is not there.
    async fn get_participant(&self, room: &str, identity: &Identity) -> Result<Option<LiveParticipant>, PlatformError>;

    /// Asks for the recording of a track to `file`, the template of an object key. Not safe to repeat: after an error
    /// that is transient an egress may be running, so look for it first.
    async fn start_track_recording(
        &self,
        room: &str,
        track: &TrackSid,
        file: &str,
    ) -> Result<EgressReport, PlatformError>;

    /// The recordings of a room.
    async fn list_recordings(&self, room: &str, which: RecordingFilter) -> Result<Vec<EgressReport>, PlatformError>;

    /// Asks an egress to end. One that has ended already is [`PlatformError::Refused`].
    async fn stop_recording(&self, egress: &EgressId) -> Result<EgressReport, PlatformError>;

    /// Ends a room and disconnects everyone; fine if there is none.
    async fn delete_room(&self, room: &str) -> Result<(), PlatformError>;

    /// Whether the platform answers and takes our key.
    async fn ping(&self) -> Result<(), PlatformError>;
}

/// Which recordings to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordingFilter {
    /// Those that have not ended.
    Active,
    All,
}

/// A webhook that is what it claims to be.
#[derive(Clone, Debug, PartialEq)]
pub struct VerifiedEvent {
    pub event: PlatformEvent,
    /// The body as it came, without the secrets that it may hold.
    pub stored_body: serde_json::Value,
}

/// Who wants to join what.
#[derive(Clone, Debug)]
pub struct JoinRequest {
    pub room: RoomName,
    /// A random one if missing. Someone else with the same identity is disconnected.
    pub identity: Option<Identity>,
    pub display_name: String,
    pub role: Role,
    /// Between [`MIN_TOKEN_TTL`] and [`MAX_TOKEN_TTL`]; [`DEFAULT_TOKEN_TTL`] if missing.
    pub ttl: Option<TimeDelta>,
}

/// What someone needs to join.
#[derive(Clone, Debug)]
pub struct JoinToken {
    /// Where clients connect.
    pub url: String,
    pub token: SecretString,
    pub identity: Identity,
    pub expires_at: DateTime<Utc>,
}
