use axum::{
    Json,
    extract::State,
    http::{HeaderName, StatusCode, header},
};
use chrono::{DateTime, TimeDelta, Utc};
use domain::{Identity, RoomName, event::PlatformKind, participant::Role};
use platform::{JoinError, JoinRequest, JoinToken};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::RoomPath;
use crate::{
    api::{
        caller::Writer,
        error::{ApiError, ApiResult, Problem},
        extract::ApiJson,
    },
    state::AppState,
};

/// Identities of recorders, ours and LiveKit's own: whoever joined under one would throw the recorder out.
const RESERVED_IDENTITY_PREFIXES: [&str; 2] = ["egress-", "EG_"];

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct JoinRoom {
    /// What others see; at most 256 characters.
    #[schema(example = "Ada Lovelace")]
    display_name: String,
    /// Lasts across connections; a random one where nothing is said. Someone else with the same is disconnected.
    #[schema(value_type = Option<String>)]
    identity: Option<Identity>,
    /// `participant` where nothing is said.
    role: Option<Role>,
    /// Life of the token: 300 to 86400 seconds, 7200 where nothing is said. It does not end a running call.
    #[schema(minimum = 300, maximum = 86400, default = 7200)]
    ttl_s: Option<i64>,
}

/// What someone needs to join.
#[derive(Serialize, ToSchema)]
pub struct JoinCredentials {
    platform: PlatformKind,
    /// Where clients connect.
    #[schema(example = "wss://livekit.example.org")]
    url: String,
    /// A secret of whoever joins.
    token: String,
    #[schema(value_type = String)]
    identity: Identity,
    expires_at: DateTime<Utc>,
}

/// Let someone in
///
/// Works while the platform is down: the first who joins makes the room there.
#[utoipa::path(
    post, path = "/v1/rooms/{name}/join", operation_id = "join_room", tag = "rooms",
    params(("name" = String, Path)), request_body = JoinRoom,
    responses((status = 201, body = JoinCredentials), (status = 404, body = Problem)),
)]
pub async fn join(
    State(app): State<AppState>,
    _: Writer,
    path: RoomPath,
    ApiJson(body): ApiJson<JoinRoom>,
) -> ApiResult<(StatusCode, [(HeaderName, &'static str); 1], Json<JoinCredentials>)> {
    let room = path.find(&mut *app.conn().await?).await?;
    let adapter = app.platforms.get(room.platform);
    let adapter = adapter.ok_or_else(|| ApiError::Conflict(format!("{} is not set up here", room.platform)))?;
    let token = adapter.join_token(&body.into_request(room.name)?, (app.clock)())?;
    Ok((
        StatusCode::CREATED,
        [(header::CACHE_CONTROL, "no-store")],
        Json(JoinCredentials::new(room.platform, token)),
    ))
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
                "identities that begin with egress- or EG_ are the recorders'",
            ));
        }
        let ttl = self
            .ttl_s
            .map(|seconds| TimeDelta::try_seconds(seconds).ok_or(JoinError::BadTtl))
            .transpose()?;
        Ok(JoinRequest {
            room,
            identity: self.identity,
            display_name: self.display_name,
            role: self.role.unwrap_or(Role::Participant),
            ttl,
        })
    }
}

impl JoinCredentials {
    fn new(platform: PlatformKind, token: JoinToken) -> Self {
        Self {
            platform,
            url: token.url,
            token: token.token.expose_secret().to_owned(),
            identity: token.identity,
            expires_at: token.expires_at,
        }
    }
}

impl From<JoinError> for ApiError {
    fn from(error: JoinError) -> Self {
        let field = match error {
            JoinError::BadTtl => "ttl_s",
            JoinError::BadIdentity => "identity",
            JoinError::BadDisplayName => "display_name",
        };
        Self::invalid(field, error)
    }
}
