//! An in-memory platform for tests of code that uses the trait. Tests set its rooms and its availability, and inspect
//! the captures it was asked to start.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use domain::event::{CaptureReport, CaptureStatus, EventRoom, PlatformEvent, PlatformKind};
use domain::meeting::{LiveParticipant, LiveRoom};
use domain::{Identity, PlatformCaptureId, TrackSid};
use http::HeaderMap;
use http::header::AUTHORIZATION;

use crate::{
    CaptureFilter, DEFAULT_TOKEN_TTL, JoinError, JoinRequest, JoinToken, Platform, PlatformError, VerifiedEvent,
    WebhookError,
};

/// Value of `Authorization` that authenticates a webhook.
pub const SIGNATURE: &str = "fake";

/// The in-memory platform. The body of its webhooks is a [`PlatformEvent`] as JSON.
pub struct FakePlatform {
    kind: PlatformKind,
    state: Mutex<State>,
}

/// Which calls succeed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Availability {
    #[default]
    Up,
    /// Every call fails as without a network.
    Down,
    /// No recorder is available; every other call succeeds.
    NoRecorder,
}

/// A requested recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartedRecording {
    pub room: String,
    pub file: String,
    pub report: CaptureReport,
}

#[derive(Default)]
struct State {
    availability: Availability,
    rooms: BTreeMap<String, LiveRoom>,
    started: Vec<StartedRecording>,
    /// The room whose participants cannot be listed without a panic.
    panics_in: Option<String>,
}

impl FakePlatform {
    pub fn new(kind: PlatformKind) -> Self {
        Self {
            kind,
            state: Mutex::default(),
        }
    }

    pub fn set_availability(&self, availability: Availability) {
        self.state().availability = availability;
    }

    /// Adds a room, replacing one of the same name.
    pub fn set_room(&self, room: LiveRoom) {
        let name = room.room.name.clone().expect("a room of the fake has a name");
        self.state().rooms.insert(name, room);
    }

    /// Adds a participant to a room.
    pub fn join_room(&self, name: &str, participant: LiveParticipant) {
        let mut state = self.state();
        let room = state.rooms.get_mut(name).expect("the room was set");
        room.participants.push(participant);
    }

    pub fn remove_room(&self, name: &str) {
        self.state().rooms.remove(name);
    }

    /// Makes listing the participants of a room panic, as a fault in an adapter would.
    pub fn panic_in(&self, room: &str) {
        self.state().panics_in = Some(room.to_owned());
    }

    /// Returns all requested recordings, in order.
    pub fn started(&self) -> Vec<StartedRecording> {
        self.state().started.clone()
    }

    /// Changes the report of a capture.
    pub fn set_recording(&self, capture: &PlatformCaptureId, change: impl FnOnce(&mut CaptureReport)) {
        if let Some(started) = self.state().find(capture) {
            change(&mut started.report);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test panics while holding the lock")
    }

    fn state_if_up(&self) -> Result<MutexGuard<'_, State>, PlatformError> {
        let state = self.state();
        match state.availability {
            Availability::Down => Err(PlatformError::Unreachable(self.kind, "the fake is down".into())),
            Availability::Up | Availability::NoRecorder => Ok(state),
        }
    }

    fn not_found(&self) -> PlatformError {
        PlatformError::NotFound(self.kind, "no such object in the fake".into())
    }
}

impl State {
    fn find(&mut self, capture: &PlatformCaptureId) -> Option<&mut StartedRecording> {
        self.started
            .iter_mut()
            .find(|started| started.report.platform_id.as_ref() == Some(capture))
    }
}

#[async_trait]
impl Platform for FakePlatform {
    fn kind(&self) -> PlatformKind {
        self.kind
    }

    fn event(&self, headers: &HeaderMap, body: &Bytes, _now: DateTime<Utc>) -> Result<VerifiedEvent, WebhookError> {
        match headers.get(AUTHORIZATION).map(|value| value.as_bytes()) {
            None => return Err(WebhookError::MissingSignature),
            Some(signature) if signature != SIGNATURE.as_bytes() => return Err(WebhookError::WrongSignature),
            Some(_) => {}
        }
        let event: PlatformEvent = serde_json::from_slice(body).map_err(WebhookError::InvalidBody)?;
        let stored_body = serde_json::to_value(&event).map_err(WebhookError::InvalidBody)?;
        Ok(VerifiedEvent { event, stored_body })
    }

    fn join_token(&self, request: &JoinRequest, now: DateTime<Utc>) -> Result<JoinToken, JoinError> {
        let identity = request.identity.clone().unwrap_or_else(|| "p-fake".into());
        let token = format!("{}:{identity}", request.room).into();
        let expires_at = now + request.ttl.unwrap_or(DEFAULT_TOKEN_TTL);
        Ok(JoinToken {
            url: format!("wss://{}.invalid", self.kind),
            token,
            identity,
            expires_at,
        })
    }

    async fn list_rooms(&self) -> Result<Vec<EventRoom>, PlatformError> {
        Ok(self
            .state_if_up()?
            .rooms
            .values()
            .map(|live| live.room.clone())
            .collect())
    }

    async fn list_participants(&self, room: &str) -> Result<Vec<LiveParticipant>, PlatformError> {
        let panics_in = self.state().panics_in.clone(); // the lock is released before the panic
        assert_ne!(panics_in.as_deref(), Some(room), "told to panic");
        Ok(self
            .state_if_up()?
            .rooms
            .get(room)
            .map(|live| live.participants.clone())
            .unwrap_or_default())
    }

    async fn get_participant(&self, room: &str, identity: &Identity) -> Result<Option<LiveParticipant>, PlatformError> {
        let participants = self.list_participants(room).await?;
        Ok(participants
            .into_iter()
            .find(|participant| participant.participant.identity == *identity))
    }

    async fn start_capture(&self, room: &str, track: &TrackSid, file: &str) -> Result<CaptureReport, PlatformError> {
        let mut state = self.state_if_up()?;
        if state.availability == Availability::NoRecorder {
            return Err(PlatformError::Busy(self.kind, "the fake has no recorder".into()));
        }
        let sid = state.rooms.get(room).ok_or_else(|| self.not_found())?.room.key.clone();
        let report = CaptureReport {
            platform_id: Some(format!("EG_fake{}", state.started.len() + 1).into()),
            room_sid: Some(sid),
            track_sid: Some(track.clone()),
            requested_file: Some(file.to_owned()),
            status: CaptureStatus::Starting,
            updated_at: None,
            error: None,
            details: None,
            file: None,
            manifest_location: None,
            started_at: None,
            ended_at: None,
        };
        state.started.push(StartedRecording {
            room: room.to_owned(),
            file: file.to_owned(),
            report: report.clone(),
        });
        Ok(report)
    }

    async fn list_captures(&self, room: &str, which: CaptureFilter) -> Result<Vec<CaptureReport>, PlatformError> {
        let state = self.state_if_up()?;
        let matches_filter = |started: &&StartedRecording| {
            started.room == room && (which == CaptureFilter::All || !started.report.status.is_terminal())
        };
        Ok(state
            .started
            .iter()
            .filter(matches_filter)
            .map(|started| started.report.clone())
            .collect())
    }

    async fn stop_capture(&self, capture: &PlatformCaptureId) -> Result<CaptureReport, PlatformError> {
        let mut state = self.state_if_up()?;
        let started = state.find(capture).ok_or_else(|| self.not_found())?;
        if started.report.status.is_terminal() {
            return Err(PlatformError::Refused(self.kind, "the fake's capture has ended".into()));
        }
        started.report.status = CaptureStatus::Ending;
        Ok(started.report.clone())
    }

    async fn delete_room(&self, room: &str) -> Result<(), PlatformError> {
        self.state_if_up()?.rooms.remove(room);
        Ok(())
    }

    async fn ping(&self) -> Result<(), PlatformError> {
        self.state_if_up().map(|_| ())
    }
}

#[cfg(test)]
mod tests;
