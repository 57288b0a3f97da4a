//! The adapter: Daily behind the trait of all platforms.

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use domain::event::{CaptureReport, EventRoom, PlatformKind};
use domain::meeting::LiveParticipant;
use domain::platform_room::PlatformRoomRef;
use domain::{Identity, PlatformCaptureId, PlatformRoomKey, TrackSid};
use http::HeaderMap;
use secrecy::SecretString;

use super::config::{DailyConfig, DailyConfigError};
use super::verify::{Authentic, WebhookSecret};
use super::{DailyClient, admit, capture, event, guard, live, missed, verify};
use crate::{
    Admission, AdmitError, Capability, CaptureFilter, JoinRequest, LeftoverRoom, Platform, PlatformError, Presence,
    Received, RoomToJoin, VerifiedEvent, WebhookError, WebhookHealth,
};

/// The adapter.
pub struct Daily {
    pub(super) config: DailyConfig,
    pub(super) client: DailyClient,
    secrets: Vec<WebhookSecret>,
}

impl Daily {
    /// Creates the API client. Opens no connection.
    ///
    /// # Errors
    /// The address or a secret cannot be used, or there is no secret.
    pub fn new(config: DailyConfig) -> Result<Self, DailyConfigError> {
        if config.webhook_secrets.is_empty() {
            return Err(DailyConfigError::NoSecret);
        }
        let secrets = config.webhook_secrets.iter().map(WebhookSecret::parse);
        Ok(Self {
            client: DailyClient::new(&config.api_url, config.api_key.clone())?,
            secrets: secrets.collect::<Result<_, _>>()?,
            config,
        })
    }

    /// Returns the secret that signs the webhook that we create.
    fn signing_secret(&self) -> &SecretString {
        &self.config.webhook_secrets[0]
    }
}

#[async_trait]
impl Platform for Daily {
    fn kind(&self) -> PlatformKind {
        PlatformKind::Daily
    }

    fn capabilities(&self) -> &'static [Capability] {
        &[
            Capability::EndMeetings,
            Capability::RecordPeople,
            Capability::StopRecording,
        ]
    }

    fn check_headers(&self, headers: &HeaderMap, now: DateTime<Utc>) -> Result<usize, WebhookError> {
        verify::check_headers(headers, now)
    }

    fn receive(&self, headers: &HeaderMap, body: &Bytes, now: DateTime<Utc>) -> Result<Received, WebhookError> {
        match verify::verify(headers, body, &self.secrets, now)? {
            Authentic::Ping => Ok(Received::Ping),
            Authentic::Event => Ok(Received::Facts(vec![event::read(body, now)?])),
        }
    }

    async fn admit(
        &self,
        request: &JoinRequest,
        room: &RoomToJoin,
        now: DateTime<Utc>,
    ) -> Result<Admission, AdmitError> {
        admit::admit(self, request, room, now).await
    }

    async fn presence(&self, open: &[PlatformRoomRef]) -> Result<Presence, PlatformError> {
        live::presence(&self.client, open).await
    }

    async fn list_participants(&self, room: &EventRoom) -> Result<Vec<LiveParticipant>, PlatformError> {
        live::participants(&self.client, room.key.as_str()).await
    }

    /// A room of ours has another name at Daily, so nobody is found by it. Daily's events name everyone who joins.
    async fn get_participant(&self, _: &str, _: &Identity) -> Result<Option<LiveParticipant>, PlatformError> {
        Ok(None)
    }

    async fn start_capture(&self, _: &str, _: &TrackSid, _: &str) -> Result<CaptureReport, PlatformError> {
        Err(PlatformError::Refused(
            self.kind(),
            "Daily records whole meetings".into(),
        ))
    }

    async fn start_meeting_capture(&self, room: &PlatformRoomKey) -> Result<CaptureReport, PlatformError> {
        capture::start(self, room.as_str()).await
    }

    async fn list_captures(&self, room: &str, which: CaptureFilter) -> Result<Vec<CaptureReport>, PlatformError> {
        capture::list(self, room, which).await
    }

    async fn stop_capture(&self, capture: &PlatformCaptureId) -> Result<CaptureReport, PlatformError> {
        capture::stop(self, capture).await
    }

    async fn delete_room(&self, room: &EventRoom) -> Result<(), PlatformError> {
        self.client.delete_room(room.key.as_str()).await
    }

    async fn list_made_rooms(&self) -> Result<Vec<LeftoverRoom>, PlatformError> {
        admit::made_rooms(&self.client).await
    }

    async fn check_webhook(&self) -> Result<WebhookHealth, PlatformError> {
        match &self.config.webhook_url {
            Some(url) => guard::check(&self.client, url, self.signing_secret()).await,
            None => Ok(WebhookHealth::Unmanaged),
        }
    }

    async fn repair_webhook(&self) -> Result<(), PlatformError> {
        match &self.config.webhook_url {
            Some(url) => guard::repair(&self.client, url, self.signing_secret()).await,
            None => Ok(()),
        }
    }

    async fn missed_events(&self, since: DateTime<Utc>) -> Result<Vec<VerifiedEvent>, PlatformError> {
        missed::events(self, since).await
    }

    async fn ping(&self) -> Result<(), PlatformError> {
        self.client.ping().await
    }
}
