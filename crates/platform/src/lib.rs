//! Adapters for video platforms: one trait, and one implementation per platform.
//!
//! An adapter verifies and parses webhooks, issues join tokens, and calls the platform's API for rooms and recordings. It
//! translates the platform's terms into ours and makes no decisions: the effect of an event is left to
//! `domain::meeting`, persistence to `storage`, and retries to the worker.

mod admission;
mod capability;
pub mod control;
pub mod daily;
mod error;
mod event_id;
#[cfg(feature = "fake")]
pub mod fake;
mod lenient;
pub mod livekit;
mod name_uuid;
mod presence;
mod received;
mod redact;
mod registry;
mod rest;
mod room_name;
mod webhook_health;
pub mod whereby;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use domain::event::{CaptureReport, EventRoom, PlatformKind};
use domain::meeting::LiveParticipant;
use domain::platform_room::PlatformRoomRef;
use domain::{Identity, PlatformCaptureId, PlatformRoomKey, TrackSid};
use http::HeaderMap;

pub use admission::{
    Admission, AdmitError, DEFAULT_TOKEN_TTL, JoinRequest, LeftoverRoom, MAX_TOKEN_TTL, MIN_TOKEN_TTL, RoomToJoin,
};
pub use capability::Capability;
pub use control::{ConnectedPerson, ConnectedTrack, Control, TrackChoice};
pub use error::{JoinError, PlatformError, WebhookError};
pub use presence::{Presence, PresentRoom};
pub use received::{Received, VerifiedEvent};
pub use registry::Platforms;
pub use webhook_health::WebhookHealth;

/// A video platform.
#[async_trait]
pub trait Platform: Send + Sync {
    /// Returns the platform that this adapter implements.
    fn kind(&self) -> PlatformKind;

    /// Returns what the platform offers of what not every platform does.
    fn capabilities(&self) -> &'static [Capability];

    /// Checks what the headers of a webhook alone can show, before its body is read, and returns how many bytes the body may
    /// have. `now` is compared with the signature's validity.
    fn check_headers(&self, headers: &HeaderMap, now: DateTime<Utc>) -> Result<usize, WebhookError>;

    /// Verifies a webhook over its raw body and parses it. `now` is compared with the signature's validity.
    fn receive(&self, headers: &HeaderMap, body: &Bytes, now: DateTime<Utc>) -> Result<Received, WebhookError>;

    /// Lets somebody join a room. Makes the platform room if the platform needs that and the room has none, under a name
    /// that depends on the arguments alone if the platform allows it: two first joins at once, or a crash before the platform
    /// room is stored, then give the same room.
    async fn admit(
        &self,
        request: &JoinRequest,
        room: &RoomToJoin,
        now: DateTime<Utc>,
    ) -> Result<Admission, AdmitError>;

    /// Returns which rooms are live. `open` are the platform rooms of all open meetings of ours, for a platform that has to
    /// be asked about each. An error says as little as [`Presence::Unknown`].
    async fn presence(&self, open: &[PlatformRoomRef]) -> Result<Presence, PlatformError>;

    /// Lists everyone connected to a room that [`Self::presence`] listed without its people. Empty if it does not exist.
    async fn list_participants(&self, room: &EventRoom) -> Result<Vec<LiveParticipant>, PlatformError>;

    /// Whether the platform serves a room that it lists with people. A crash can leave rooms behind that are only listed.
    async fn is_served(&self, _room: &EventRoom) -> Result<bool, PlatformError> {
        Ok(true)
    }

    /// Returns a connected participant of the room with this name of ours, or `None`.
    async fn get_participant(&self, room: &str, identity: &Identity) -> Result<Option<LiveParticipant>, PlatformError>;

    /// Requests the recording of a track to `file`, an object key template. Not idempotent: after a transient error an
    /// capture may be running, so check [`Self::list_captures`] before repeating the call.
    async fn start_capture(&self, room: &str, track: &TrackSid, file: &str) -> Result<CaptureReport, PlatformError>;

    /// Requests the recording of a whole meeting, or returns the one that is running. [`PlatformError::Busy`] while nobody is in
    /// the room, or while the platform does not list the recording yet; refused on platforms that record single tracks.
    async fn start_meeting_capture(&self, _room: &PlatformRoomKey) -> Result<CaptureReport, PlatformError> {
        let what = "the platform does not record whole meetings on request".into();
        Err(PlatformError::Refused(self.kind(), what))
    }

    /// Lists the recordings of a room.
    async fn list_captures(&self, room: &str, which: CaptureFilter) -> Result<Vec<CaptureReport>, PlatformError>;

    /// Requests the end of a capture. Returns [`PlatformError::Refused`] if it has already ended.
    async fn stop_capture(&self, capture: &PlatformCaptureId) -> Result<CaptureReport, PlatformError>;

    /// Ends a room and disconnects everyone, also one that the platform goes on listing although a crash ended it. Succeeds
    /// if the room does not exist.
    async fn delete_room(&self, room: &EventRoom) -> Result<(), PlatformError>;

    /// Lists the platform rooms that [`Self::admit`] made and that still exist. Empty on platforms that need none.
    async fn list_made_rooms(&self) -> Result<Vec<LeftoverRoom>, PlatformError>;

    /// Returns whether the platform sends us webhooks, if its API tells that.
    async fn check_webhook(&self) -> Result<WebhookHealth, PlatformError> {
        Ok(WebhookHealth::Unmanaged)
    }

    /// Makes the platform send us webhooks again, after [`Self::check_webhook`] found them broken. Safe to repeat.
    async fn repair_webhook(&self) -> Result<(), PlatformError> {
        Ok(())
    }

    /// Lists what happened since `since`, as far as the platform's API tells it, as the events that lost webhooks should have
    /// brought. An event has the same id each time, and not the id of the webhook.
    async fn missed_events(&self, _since: DateTime<Utc>) -> Result<Vec<VerifiedEvent>, PlatformError> {
        Ok(Vec::new())
    }

    /// Lists everyone who is connected to a room, except recorders, with the state of their tracks.
    ///
    /// # Errors
    /// [`PlatformError::Unsupported`] if the platform cannot describe them.
    async fn people(&self, _room: &EventRoom) -> Result<Vec<ConnectedPerson>, PlatformError> {
        Err(PlatformError::Unsupported(
            self.kind(),
            Capability::DescribeParticipants,
        ))
    }

    /// Carries out a command about a room or somebody in it. Every platform ends a meeting by deleting its room.
    ///
    /// # Errors
    /// [`PlatformError::Unsupported`] if the platform has no such command; [`PlatformError::NotAllowed`] if its settings
    /// forbid it; [`PlatformError::NotFound`] if the person is not connected, except for a removal.
    async fn control(&self, room: &EventRoom, command: &Control) -> Result<(), PlatformError> {
        match command {
            Control::End => self.delete_room(room).await,
            other => Err(PlatformError::Unsupported(self.kind(), other.capability())),
        }
    }

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
