//! An in-memory platform for tests of code that uses the trait. Tests set its rooms and its availability, and inspect
//! the captures it was asked to start.

mod control;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use domain::event::{CaptureReport, CaptureStatus, EventRoom, PlatformEvent, PlatformKind};
use domain::meeting::{LiveParticipant, LiveRoom};
use domain::participant::Role;
use domain::permissions::Permissions;
use domain::platform_room::PlatformRoomRef;
use domain::{Identity, PlatformCaptureId, PlatformRoomKey, TrackSid};
use http::HeaderMap;
use http::header::AUTHORIZATION;

use crate::{
    Admission, AdmitError, Capability, CaptureFilter, ConnectedPerson, Control, JoinRequest, LeftoverRoom, Platform,
    PlatformError, Presence, PresentRoom, Received, RoomToJoin, VerifiedEvent, WebhookError,
};

/// Value of `Authorization` that authenticates a webhook.
pub const SIGNATURE: &str = "fake";

/// Longest body of a webhook.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// The in-memory platform. The body of its webhooks is a [`PlatformEvent`] as JSON, or a list of them; an empty one is a ping.
///
/// As LiveKit it makes no platform rooms, and has to be asked for the participants of each room. As another platform it makes
/// one room for each meeting: as Daily under a name that the request determines, as Whereby under a new one each time.
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
    /// Calls get no answer.
    Hangs,
    /// It answers, but cannot tell who is in its rooms.
    Uncertain,
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
    made: Vec<LeftoverRoom>,
    deleted: Vec<PlatformRoomKey>,
    /// The room that is only listed.
    unserved: Option<String>,
    /// The room whose participants cannot be listed without a panic.
    panics_in: Option<String>,
    /// Commands that were carried out.
    commands: Vec<Control>,
    /// Permissions that commands have set.
    permitted: BTreeMap<Identity, Permissions>,
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

    /// Adds a room, replacing one of the same name, or of the same key if it has no name.
    pub fn set_room(&self, room: LiveRoom) {
        let name = room.room.name.clone();
        let name = name.unwrap_or_else(|| room.room.key.to_string());
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

    /// Makes the platform go on listing a room that it does not serve, as after a crash.
    pub fn stop_serving(&self, room: &str) {
        self.state().unserved = Some(room.to_owned());
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
            _ => Ok(state),
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

    fn capabilities(&self) -> &'static [Capability] {
        match self.kind {
            PlatformKind::Whereby => &[Capability::RecordMixed],
            PlatformKind::Livekit | PlatformKind::Daily | PlatformKind::Other => {
                &[Capability::RecordPeople, Capability::StopRecording]
            }
        }
    }

    fn check_headers(&self, headers: &HeaderMap, _now: DateTime<Utc>) -> Result<usize, WebhookError> {
        match headers.get(AUTHORIZATION).map(|value| value.as_bytes()) {
            None => Err(WebhookError::MissingSignature),
            Some(signature) if signature != SIGNATURE.as_bytes() => Err(WebhookError::WrongSignature),
            Some(_) => Ok(MAX_BODY_BYTES),
        }
    }

    fn receive(&self, headers: &HeaderMap, body: &Bytes, now: DateTime<Utc>) -> Result<Received, WebhookError> {
        self.check_headers(headers, now)?;
        if body.is_empty() {
            return Ok(Received::Ping);
        }
        let events: Vec<PlatformEvent> = serde_json::from_slice(body)
            .or_else(|_| serde_json::from_slice(body).map(|event| vec![event]))
            .map_err(WebhookError::InvalidBody)?;
        let verified = |event| {
            let stored_body = serde_json::to_value(&event).map_err(WebhookError::InvalidBody)?;
            Ok(VerifiedEvent { event, stored_body })
        };
        events
            .into_iter()
            .map(verified)
            .collect::<Result<_, _>>()
            .map(Received::Facts)
    }

    async fn admit(
        &self,
        request: &JoinRequest,
        room: &RoomToJoin,
        now: DateTime<Utc>,
    ) -> Result<Admission, AdmitError> {
        let ttl = request.check()?;
        let made = self.make_room(room, now).await?;
        let identity = request.identity.clone().unwrap_or_else(|| "p-fake".into());
        let url = match made.as_ref().or(room.current.as_ref()) {
            None => format!("wss://{}.invalid", self.kind),
            Some(made) => match (&made.host_url, request.role) {
                (Some(host_url), Role::Host) => host_url.expose().to_owned(),
                _ => made.url.clone(),
            },
        };
        let has_token = self.kind != PlatformKind::Whereby;
        Ok(Admission {
            url: url.into(),
            token: has_token.then(|| format!("{}:{identity}", request.room).into()),
            identity,
            expires_at: now + ttl,
            made,
        })
    }

    async fn presence(&self, _open: &[PlatformRoomRef]) -> Result<Presence, PlatformError> {
        let state = self.state_if_up()?;
        if state.availability == Availability::Uncertain {
            return Ok(Presence::Unknown);
        }
        let present = |live: &LiveRoom| PresentRoom {
            room: live.room.clone(),
            people: (self.kind != PlatformKind::Livekit).then(|| live.participants.clone()),
        };
        Ok(Presence::Known(state.rooms.values().map(present).collect()))
    }

    async fn list_participants(&self, room: &EventRoom) -> Result<Vec<LiveParticipant>, PlatformError> {
        let panics_in = self.state().panics_in.clone(); // the lock is released before the panic
        assert!(panics_in.is_none() || panics_in != room.name, "told to panic");
        let name = room.name.as_deref().unwrap_or(room.key.as_str());
        let state = self.state_if_up()?;
        Ok(state
            .rooms
            .get(name)
            .map(|live| live.participants.clone())
            .unwrap_or_default())
    }

    async fn is_served(&self, room: &EventRoom) -> Result<bool, PlatformError> {
        let state = self.state_if_up()?;
        Ok(state.unserved.is_none() || state.unserved != room.name)
    }

    async fn get_participant(&self, room: &str, identity: &Identity) -> Result<Option<LiveParticipant>, PlatformError> {
        let state = self.state_if_up()?;
        let mut participants = state.rooms.get(room).into_iter().flat_map(|live| &live.participants);
        Ok(participants.find(|p| p.participant.identity == *identity).cloned())
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
            files: Vec::new(),
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

    async fn delete_room(&self, room: &EventRoom) -> Result<(), PlatformError> {
        let mut state = self.state_if_up()?;
        state.rooms.retain(|_, live| live.room.key != room.key);
        state.made.retain(|made| made.key != room.key);
        state.deleted.push(room.key.clone());
        Ok(())
    }

    async fn list_made_rooms(&self) -> Result<Vec<LeftoverRoom>, PlatformError> {
        Ok(self.state_if_up()?.made.clone())
    }

    async fn people(&self, room: &EventRoom) -> Result<Vec<ConnectedPerson>, PlatformError> {
        self.list_people(room.name.as_deref().unwrap_or_default())
    }

    async fn control(&self, room: &EventRoom, command: &Control) -> Result<(), PlatformError> {
        self.carry_out(room.name.as_deref().unwrap_or_default(), command)
    }

    async fn ping(&self) -> Result<(), PlatformError> {
        self.state_if_up().map(|_| ())
    }
}

mod made_rooms;
#[cfg(test)]
mod tests;
