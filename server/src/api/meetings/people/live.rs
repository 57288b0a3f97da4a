use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use domain::{
    Identity, TrackSid,
    participant::ParticipantKind,
    track::{TrackKind, TrackSource},
};
use platform::{ConnectedPerson, ConnectedTrack, PlatformError};
use serde::Serialize;
use utoipa::ToSchema;

use super::Observer;
use crate::{
    api::{
        error::{ApiResult, Problem},
        rooms::PermissionsBody,
    },
    state::AppState,
};

/// Who is in a meeting now.
#[derive(Serialize, ToSchema)]
pub struct LivePeople {
    /// `known`: the platform was asked and answered. `unknown`: it did not answer, or cannot tell; then `participants` is
    /// empty, which does not mean that nobody is there.
    presence: Presence,
    /// When the platform was asked.
    asked_at: DateTime<Utc>,
    /// Whether the meeting is locked: nobody new can join.
    locked: bool,
    /// Identities of those who were removed and are kept out.
    #[schema(value_type = Vec<String>)]
    removed: Vec<Identity>,
    /// Everyone who is connected, except recorders.
    participants: Vec<LivePerson>,
}

/// Whether the platform says who is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    Known,
    Unknown,
}

/// Somebody who is connected.
#[derive(Serialize, ToSchema)]
pub struct LivePerson {
    #[schema(value_type = String)]
    identity: Identity,
    /// Name shown to others. Empty if none was given.
    display_name: String,
    /// What connects: `standard` is a person with an ordinary client.
    kind: ParticipantKind,
    /// When this connection began. Null if the platform does not tell.
    joined_at: Option<DateTime<Utc>>,
    /// What they may do now.
    permissions: PermissionsBody,
    /// What they publish now.
    tracks: Vec<LiveTrack>,
}

/// A published track.
#[derive(Serialize, ToSchema)]
pub struct LiveTrack {
    /// The platform's id of the track.
    #[schema(value_type = String, example = "TR_AMx23cZGKLrKR5")]
    sid: TrackSid,
    kind: TrackKind,
    source: TrackSource,
    muted: bool,
    /// `audio/opus`, `video/VP8`, …; empty if the platform does not tell.
    mime_type: String,
    /// Size of the picture in pixels, as published. Null for audio.
    width: Option<u32>,
    /// As `width`.
    height: Option<u32>,
}

/// List who is connected
///
/// Asks the platform who is in the meeting now, and what they publish. For everyone who took part, with the times, use
/// `GET /v1/meetings/{id}/participants`.
#[utoipa::path(
    get, path = "/v1/meetings/{id}/participants/live", operation_id = "list_live_participants", tag = "people",
    security(("key" = ["read"]), ("participant" = [])),
    params(("id" = uuid::Uuid, Path, description = "Meeting id")),
    responses(
        (status = 200, body = LivePeople, description = "Who is connected"),
        (status = 404, body = Problem, description = "`not-found`: no meeting has this id, or it is not the host's"),
        (status = 409, body = Problem, description = "`meeting-over`: the meeting is over; \
            `conflict`: its platform is not configured on this server"),
    ),
)]
pub async fn list(State(app): State<AppState>, Observer(moderator): Observer) -> ApiResult<Json<LivePeople>> {
    let meeting = moderator.find_open(&app).await?;
    let asked_at = (app.clock)();
    let answer = meeting.platform()?.people(&meeting.platform_room()).await;
    let (presence, people) = match answer {
        Ok(people) => (Presence::Known, people),
        Err(error) => (unknown(&error), Vec::new()),
    };
    Ok(Json(LivePeople {
        presence,
        asked_at,
        locked: meeting.controls.locked_to.is_some(),
        removed: meeting.controls.removed.into_iter().collect(),
        participants: people.into_iter().map(LivePerson::from).collect(),
    }))
}

fn unknown(error: &PlatformError) -> Presence {
    tracing::warn!("cannot list who is connected: {error}");
    Presence::Unknown
}

impl From<ConnectedPerson> for LivePerson {
    fn from(person: ConnectedPerson) -> Self {
        Self {
            identity: person.identity,
            display_name: person.display_name,
            kind: person.kind,
            joined_at: person.joined_at,
            permissions: person.permissions.into(),
            tracks: person.tracks.into_iter().map(LiveTrack::from).collect(),
        }
    }
}

impl From<ConnectedTrack> for LiveTrack {
    fn from(connected: ConnectedTrack) -> Self {
        let pixels = |count: u32| (count > 0).then_some(count);
        Self {
            sid: connected.track.sid,
            kind: connected.track.kind,
            source: connected.track.source,
            muted: connected.is_muted,
            mime_type: connected.track.mime_type,
            width: pixels(connected.width),
            height: pixels(connected.height),
        }
    }
}
