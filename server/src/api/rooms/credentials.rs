//! What a client needs to join a room, and who may have it.

use axum::http::{HeaderName, header};
use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    Identity, MeetingId,
    controls::{self, Controls},
    event::PlatformKind,
    participant::Role,
    permissions::Permissions,
    room::Room,
};
use platform::{Admission, JoinRequest};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use storage::PgConnection;
use utoipa::ToSchema;

use super::{PermissionsBody, admit::admit};
use crate::{
    api::{
        created::Created,
        error::{ApiError, ApiResult},
    },
    state::AppState,
    tokens::ParticipantClaims,
};

/// What a client needs to join a room.
#[derive(Serialize, ToSchema)]
pub struct JoinCredentials {
    /// The room's platform.
    platform: PlatformKind,
    /// Address for the platform's client: LiveKit's WebSocket, or the room on Daily or Whereby. A host's address on Whereby
    /// admits everyone who knows it as a host, so give it only to the person who joins.
    #[schema(example = "wss://livekit.example.org")]
    url: String,
    /// Join token, to be passed to the platform's client SDK. Give it only to the person who joins. Null on Whereby, where the
    /// address suffices.
    token: Option<String>,
    /// The requested or generated identity.
    #[schema(value_type = String)]
    identity: Identity,
    /// What the token permits.
    permissions: PermissionsBody,
    /// When the token expires.
    expires_at: DateTime<Utc>,
    /// Proves to this API who the person is, for a day: gets new join tokens while the meeting lasts
    /// (`POST /v1/rooms/{name}/refresh`), and lets a host control the meeting. Give it only to the person who joins. Null
    /// if the server has no `TRACKSCRIBE_SIGNING_SECRET`.
    #[schema(example = "tsp_1.eyJyb29tIjoi…")]
    participant_token: Option<String>,
}

/// 201 with credentials, which no cache may keep.
pub type IssuedCredentials = ([(HeaderName, &'static str); 1], Created<JoinCredentials>);

/// Somebody who wants to join.
pub struct Person {
    /// Generated if `None`.
    pub identity: Option<Identity>,
    pub display_name: String,
    pub role: Role,
    pub permissions: Permissions,
    pub ttl: Option<TimeDelta>,
}

/// The meeting that is open in a room.
pub struct OpenMeeting {
    pub id: MeetingId,
    pub started_at: DateTime<Utc>,
    pub controls: Controls,
}

impl OpenMeeting {
    pub async fn of(conn: &mut PgConnection, room: &Room) -> ApiResult<Option<Self>> {
        let open = storage::controls::load_open(conn, room.id).await?;
        Ok(open.map(|(id, started_at, controls)| Self {
            id,
            started_at,
            controls,
        }))
    }
}

/// Issues credentials, unless a host of the open meeting keeps the person out.
///
/// # Errors
/// [`ApiError::Removed`] and [`ApiError::MeetingLocked`]; [`ApiError::Conflict`] if the platform is not configured.
pub async fn issue(
    app: &AppState,
    room: Room,
    open: Option<&OpenMeeting>,
    person: Person,
) -> ApiResult<IssuedCredentials> {
    let person = checked(person, open)?;
    let request = JoinRequest {
        room: room.name.clone(),
        identity: person.identity.clone(),
        display_name: person.display_name.clone(),
        role: person.role,
        permissions: person.permissions,
        ttl: person.ttl,
    };
    let admission = admit(app, &room, &request).await?;
    let claims = ParticipantClaims {
        room: room.id,
        meeting: open.map(|open| open.id),
        identity: admission.identity.clone(),
        display_name: person.display_name,
        role: person.role,
        permissions: person.permissions,
        issued_at: (app.clock)().timestamp(),
    };
    // The tokens are stored nowhere; what they open is the room.
    let created = Created {
        location: format!("/v1/rooms/{}", room.name),
        body: JoinCredentials::new(room.platform, admission, person.permissions, claims.sign(&app.signer)),
    };
    Ok(([(header::CACHE_CONTROL, "no-store")], created))
}

/// Returns the person with the permissions that a host of the open meeting has given them.
fn checked(mut person: Person, open: Option<&OpenMeeting>) -> ApiResult<Person> {
    let Some(OpenMeeting { controls, .. }) = open else {
        return Ok(person);
    };
    match controls.admission(person.identity.as_ref()) {
        controls::Admission::Admitted => {}
        controls::Admission::Removed => return Err(ApiError::Removed),
        controls::Admission::Locked => return Err(ApiError::MeetingLocked),
    }
    let decided = person
        .identity
        .as_ref()
        .and_then(|identity| controls.permissions.get(identity));
    person.permissions = decided.copied().unwrap_or(person.permissions);
    Ok(person)
}

impl JoinCredentials {
    fn new(
        platform: PlatformKind,
        admission: Admission,
        permissions: Permissions,
        participant_token: Option<SecretString>,
    ) -> Self {
        Self {
            platform,
            url: admission.url.expose_secret().to_owned(),
            token: admission.token.map(|token| token.expose_secret().to_owned()),
            identity: admission.identity,
            permissions: permissions.into(),
            expires_at: admission.expires_at,
            participant_token: participant_token.map(|token| token.expose_secret().to_owned()),
        }
    }
}
