use axum::{
    extract::State,
    http::{HeaderName, header},
};
use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    Identity, RoomName,
    event::PlatformKind,
    participant::Role,
    permissions::{NotPermitted, Permissions},
};
use platform::{Admission, JoinError, JoinRequest};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{PermissionsBody, PermissionsChoice, RoomPath, admit::admit};
use crate::{
    api::{
        caller::Admitter,
        created::Created,
        error::{ApiError, ApiResult, Problem},
        extract::ApiJson,
    },
    state::AppState,
};

/// Prefixes of recorder identities, ours and the official egress worker's. A participant with such an identity would
/// disconnect the recorder.
const RESERVED_IDENTITY_PREFIXES: [&str; 2] = ["egress-", "EG_"];

/// Who joins, in which role, and for how long the token is valid.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct JoinRoom {
    /// Name shown to other participants: at most 256 bytes in UTF-8, no control characters.
    #[schema(max_length = 256, example = "Ada Lovelace")]
    display_name: String,
    /// Stable identity of the participant: 1 to 256 bytes in UTF-8, no control characters, not beginning with `egress-`
    /// or `EG_`. Generated if omitted. Joining with an identity already in use disconnects the earlier participant.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 256)]
    identity: Option<Identity>,
    /// `participant` (the default) may publish camera, microphone and screen, subscribe to everyone, and send data.
    /// `listener` may only subscribe. `host` has the permissions of a `participant`.
    role: Option<Role>,
    /// Permissions that differ from those of the role.
    permissions: Option<PermissionsChoice>,
    /// Validity of the token in seconds, 300 to 86400. Default: 7200. An expired token does not end a call that was
    /// joined with it.
    #[schema(minimum = 300, maximum = 86400, default = 7200)]
    ttl_s: Option<i64>,
}

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
}

/// Issue a join token
///
/// Returns what one person needs to join the room. Every request issues a new token; earlier ones stay valid until they
/// expire.
///
/// LiveKit is not contacted, so this also works while it is down; it creates its room when the first participant connects.
/// Daily and Whereby are: the first join makes a room there for the meeting, which is deleted when the meeting ends.
#[utoipa::path(
    post, path = "/v1/rooms/{name}/join", operation_id = "join_room", tag = "rooms",
    security(("key" = ["join"])),
    params(("name" = String, Path, description = "Room name")), request_body = JoinRoom,
    responses(
        (status = 201, body = JoinCredentials, description = "The token"),
        (status = 404, body = Problem, description = "`not-found`: no room has this name"),
        (status = 409, body = Problem, description = "`conflict`: the room's platform is not configured on this server"),
    ),
)]
pub async fn join(
    State(app): State<AppState>,
    _: Admitter,
    path: RoomPath,
    ApiJson(body): ApiJson<JoinRoom>,
) -> ApiResult<([(HeaderName, &'static str); 1], Created<JoinCredentials>)> {
    let room = path.find(&mut *app.conn().await?).await?;
    let request = body.into_request(room.name.clone())?;
    let admission = admit(&app, &room, &request).await?;
    // The token is stored nowhere; what it opens is the room.
    let created = Created {
        location: format!("/v1/rooms/{}", request.room),
        body: JoinCredentials::new(room.platform, request.permissions, admission),
    };
    Ok(([(header::CACHE_CONTROL, "no-store")], created))
}

impl JoinRoom {
    fn into_request(self, room: RoomName) -> ApiResult<JoinRequest> {
        let is_reserved = |identity: &Identity| {
            RESERVED_IDENTITY_PREFIXES
                .iter()
                .any(|r| identity.as_str().starts_with(r))
        };
        if self.identity.as_ref().is_some_and(is_reserved) {
            return Err(ApiError::invalid(
                "identity",
                "must not begin with egress- or EG_: these identities are reserved for recorders",
            ));
        }
        let ttl = self
            .ttl_s
            .map(|seconds| TimeDelta::try_seconds(seconds).ok_or(JoinError::InvalidTtl))
            .transpose()?;
        let role = self.role.unwrap_or(Role::Participant);
        Ok(JoinRequest {
            room,
            identity: self.identity,
            display_name: self.display_name,
            role,
            permissions: Permissions::choose(role, self.permissions.unwrap_or_default().into())?,
            ttl,
        })
    }
}

impl JoinCredentials {
    fn new(platform: PlatformKind, permissions: Permissions, admission: Admission) -> Self {
        Self {
            platform,
            url: admission.url.expose_secret().to_owned(),
            token: admission.token.map(|token| token.expose_secret().to_owned()),
            identity: admission.identity,
            permissions: permissions.into(),
            expires_at: admission.expires_at,
        }
    }
}

impl From<NotPermitted> for ApiError {
    fn from(error: NotPermitted) -> Self {
        Self::invalid(format!("permissions.{}", error.permission), error)
    }
}
