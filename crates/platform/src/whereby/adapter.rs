//! The adapter: Whereby behind the trait of all platforms.

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use domain::event::{CaptureReport, EventRoom, PlatformKind};
use domain::meeting::LiveParticipant;
use domain::platform_room::PlatformRoomRef;
use domain::{Identity, PlatformCaptureId, TrackSid};
use http::HeaderMap;
use secrecy::ExposeSecret;

use super::config::{WherebyConfig, WherebyConfigError};
use super::live::Attendance;
use super::{WherebyClient, admit, event, report, verify};
use crate::{
    Admission, AdmitError, Capability, CaptureFilter, JoinRequest, LeftoverRoom, Platform, PlatformError, Presence,
    Received, RoomToJoin, WebhookError,
};

/// The adapter.
pub struct Whereby {
    pub(super) config: WherebyConfig,
    pub(super) client: WherebyClient,
    attendance: Attendance,
}

impl Whereby {
    /// Creates the API client. Opens no connection.
    ///
    /// # Errors
    /// The address cannot be used, or there is no secret.
    pub fn new(config: WherebyConfig) -> Result<Self, WherebyConfigError> {
        let secrets = &config.webhook_secrets;
        if secrets.is_empty() || secrets.iter().any(|secret| secret.expose_secret().is_empty()) {
            return Err(WherebyConfigError::NoSecret);
        }
        Ok(Self {
            client: WherebyClient::new(&config.api_url, config.api_key.clone(), config.points_per_minute)?,
            attendance: Attendance::new(config.points_per_minute),
            config,
        })
    }
}

#[async_trait]
impl Platform for Whereby {
    fn kind(&self) -> PlatformKind {
        PlatformKind::Whereby
    }

    fn capabilities(&self) -> &'static [Capability] {
        &[Capability::EndMeetings, Capability::RecordMixed]
    }

    fn check_headers(&self, headers: &HeaderMap, now: DateTime<Utc>) -> Result<usize, WebhookError> {
        verify::check_headers(headers, now)
    }

    fn receive(&self, headers: &HeaderMap, body: &Bytes, now: DateTime<Utc>) -> Result<Received, WebhookError> {
        verify::verify(headers, body, &self.config.webhook_secrets, now)?;
        Ok(Received::Facts(vec![event::read(body, now)?]))
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
        self.attendance.presence(&self.client, open).await
    }

    /// [`Self::presence`] lists everyone.
    async fn list_participants(&self, _: &EventRoom) -> Result<Vec<LiveParticipant>, PlatformError> {
        Ok(Vec::new())
    }

    /// A room of ours has another name at Whereby, so nobody is found by it. Whereby's events name everyone who joins.
    async fn get_participant(&self, _: &str, _: &Identity) -> Result<Option<LiveParticipant>, PlatformError> {
        Ok(None)
    }

    /// Whereby starts recording by itself.
    async fn start_capture(&self, _: &str, _: &TrackSid, _: &str) -> Result<CaptureReport, PlatformError> {
        Err(PlatformError::Refused(
            self.kind(),
            "Whereby starts recordings by itself".into(),
        ))
    }

    async fn list_captures(&self, room: &str, which: CaptureFilter) -> Result<Vec<CaptureReport>, PlatformError> {
        let listed = self.client.list_recordings(Some(room)).await?;
        let reports = listed.iter().map(report::listed);
        let is_wanted = |report: &CaptureReport| which == CaptureFilter::All || !report.status.is_terminal();
        Ok(reports.filter(is_wanted).collect())
    }

    /// Whereby ends recordings by itself.
    async fn stop_capture(&self, _: &PlatformCaptureId) -> Result<CaptureReport, PlatformError> {
        Err(PlatformError::Refused(
            self.kind(),
            "Whereby ends recordings by itself".into(),
        ))
    }

    async fn delete_room(&self, room: &EventRoom) -> Result<(), PlatformError> {
        admit::delete(&self.client, room.key.as_str()).await
    }

    async fn list_made_rooms(&self) -> Result<Vec<LeftoverRoom>, PlatformError> {
        admit::made_rooms(&self.client).await
    }

    async fn ping(&self) -> Result<(), PlatformError> {
        self.client.ping().await
    }
}
