//! The LiveKit adapter: server API and signed webhooks.

mod control;
mod event;
mod join;
mod jwt;
mod presence;
mod recording;
mod room;
mod values;
mod verify;
mod wire;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use domain::clock::IdSource;
use domain::event::{CaptureReport, EventRoom, PlatformKind};
use domain::meeting::LiveParticipant;
use domain::platform_room::PlatformRoomRef;
use domain::{Identity, ObjectKey, PlatformCaptureId, TrackSid};
use http::HeaderMap;
use livekit_api::services::egress::EgressClient;
use livekit_api::services::room::RoomClient;
use secrecy::{ExposeSecret, SecretString};

pub use verify::WebhookKey;

use crate::{
    Admission, AdmitError, Capability, CaptureFilter, ConnectedPerson, Control, JoinRequest, LeftoverRoom, Platform,
    PlatformError, Presence, Received, RoomToJoin, WebhookError,
};

/// How to reach LiveKit, and the settings of its rooms.
#[derive(Clone)]
pub struct LivekitConfig {
    /// Address for our API calls: `http`, `https`, `ws` or `wss`.
    pub url: String,
    /// Address for clients: `ws` or `wss`.
    pub public_url: String,
    pub api_key: String,
    pub api_secret: SecretString,
    /// Keys whose webhooks are accepted; more than one during a key rotation.
    pub webhook_keys: Vec<WebhookKey>,
    /// How long a room stays open after the last participant has left, in whole seconds.
    pub departure_timeout: TimeDelta,
    /// How long a room stays open if nobody joins, in whole seconds.
    pub empty_timeout: TimeDelta,
    /// Maximum number of participants in a room; 0 for no limit.
    pub max_participants: u32,
    /// Source of generated identities; random UUIDs outside tests.
    pub identities: IdSource,
    /// Finds the key of an object by its reported location, because LiveKit's reports leave out the recorder's prefix.
    pub key_of: KeyOfLocation,
}

/// Returns the key of the object at a location; `None` if it is not in our store.
pub type KeyOfLocation = Arc<dyn Fn(&str) -> Option<ObjectKey> + Send + Sync>;

impl LivekitConfig {
    /// Long enough for everyone to reconnect after a short network failure.
    pub const DEFAULT_DEPARTURE_TIMEOUT: TimeDelta = TimeDelta::seconds(60);

    /// LiveKit's own default.
    pub const DEFAULT_EMPTY_TIMEOUT: TimeDelta = TimeDelta::seconds(300);
}

/// The adapter.
pub struct Livekit {
    config: LivekitConfig,
    rooms: RoomClient,
    egress: EgressClient,
    /// A client with the longer timeout that starting an egress needs.
    egress_start: EgressClient,
}

impl Livekit {
    /// Creates the API clients. Opens no connection.
    pub fn new(config: LivekitConfig) -> Self {
        let (url, key, secret) = (&config.url, &config.api_key, config.api_secret.expose_secret());
        let rooms = RoomClient::with_api_key(url, key, secret);
        let egress = EgressClient::with_api_key(url, key, secret);
        let egress_start = EgressClient::with_api_key(url, key, secret);
        Self {
            rooms: rooms.with_failover(false).with_request_timeout(room::CALL_TIMEOUT),
            egress: egress.with_failover(false).with_request_timeout(room::CALL_TIMEOUT),
            egress_start: egress_start
                .with_failover(false)
                .with_request_timeout(recording::START_TIMEOUT),
            config,
        }
    }
}

#[async_trait]
impl Platform for Livekit {
    fn kind(&self) -> PlatformKind {
        PlatformKind::Livekit
    }

    fn capabilities(&self) -> &'static [Capability] {
        &[
            Capability::DescribeParticipants,
            Capability::RemoveParticipants,
            Capability::MuteTracks,
            Capability::UnmuteTracks,
            Capability::ChangePermissions,
            Capability::EndMeetings,
            Capability::RecordPeople,
            Capability::StopRecording,
        ]
    }

    fn check_headers(&self, headers: &HeaderMap, now: DateTime<Utc>) -> Result<usize, WebhookError> {
        verify::verify_token(headers, &self.config.webhook_keys, now)?;
        Ok(verify::MAX_BODY_BYTES)
    }

    fn receive(&self, headers: &HeaderMap, body: &Bytes, now: DateTime<Utc>) -> Result<Received, WebhookError> {
        verify::verify(headers, body, &self.config.webhook_keys, now)?;
        Ok(Received::Facts(vec![event::read(body, now, &self.config.key_of)?]))
    }

    /// Does not contact LiveKit: the token carries the room's settings, and the first join makes the room.
    async fn admit(&self, request: &JoinRequest, _: &RoomToJoin, now: DateTime<Utc>) -> Result<Admission, AdmitError> {
        Ok(join::admit(&self.config, request, now)?)
    }

    async fn presence(&self, _: &[PlatformRoomRef]) -> Result<Presence, PlatformError> {
        presence::rooms(&self.rooms).await
    }

    async fn list_participants(&self, room: &EventRoom) -> Result<Vec<LiveParticipant>, PlatformError> {
        match &room.name {
            Some(name) => presence::participants(&self.rooms, name).await,
            None => Ok(Vec::new()),
        }
    }

    async fn is_served(&self, room: &EventRoom) -> Result<bool, PlatformError> {
        match &room.name {
            Some(name) => room::is_served(&self.rooms, name).await,
            None => Ok(true),
        }
    }

    async fn get_participant(&self, room: &str, identity: &Identity) -> Result<Option<LiveParticipant>, PlatformError> {
        presence::participant(&self.rooms, room, identity).await
    }

    async fn start_capture(&self, room: &str, track: &TrackSid, file: &str) -> Result<CaptureReport, PlatformError> {
        recording::start(&self.egress_start, room, track, file, &self.config.key_of).await
    }

    async fn list_captures(&self, room: &str, which: CaptureFilter) -> Result<Vec<CaptureReport>, PlatformError> {
        recording::list(&self.egress, room, which, &self.config.key_of).await
    }

    async fn stop_capture(&self, egress: &PlatformCaptureId) -> Result<CaptureReport, PlatformError> {
        recording::stop(&self.egress, egress, &self.config.key_of).await
    }

    async fn delete_room(&self, room: &EventRoom) -> Result<(), PlatformError> {
        match &room.name {
            Some(name) => room::delete(&self.rooms, name).await,
            None => Ok(()),
        }
    }

    async fn list_made_rooms(&self) -> Result<Vec<LeftoverRoom>, PlatformError> {
        Ok(Vec::new())
    }

    async fn people(&self, room: &EventRoom) -> Result<Vec<ConnectedPerson>, PlatformError> {
        match &room.name {
            Some(name) => control::people(&self.rooms, name).await,
            None => Ok(Vec::new()),
        }
    }

    async fn control(&self, room: &EventRoom, command: &Control) -> Result<(), PlatformError> {
        control::control(&self.rooms, room.name.as_deref().unwrap_or_default(), command).await
    }

    async fn ping(&self) -> Result<(), PlatformError> {
        room::ping(&self.rooms).await
    }
}
