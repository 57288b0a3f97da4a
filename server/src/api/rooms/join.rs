use axum::extract::State;
use chrono::TimeDelta;
use domain::{
    Identity,
    participant::Role,
    permissions::{NotPermitted, Permissions},
};
use platform::JoinError;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    PermissionsChoice, RoomPath,
    credentials::{IssuedCredentials, JoinCredentials, OpenMeeting, Person, issue},
};
use crate::{
    api::{
        caller::Admitter,
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
    /// `listener` may only subscribe. `host` has the permissions of a `participant`, and controls the meeting with the
    /// participant token.
    role: Option<Role>,
    /// Permissions that differ from those of the role.
    permissions: Option<PermissionsChoice>,
    /// Validity of the token in seconds, 300 to 86400. Default: 7200. An expired token does not end a call that was
    /// joined with it.
    #[schema(minimum = 300, maximum = 86400, default = 7200)]
    ttl_s: Option<i64>,
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
        (status = 403, body = Problem, description = "`forbidden`: the API key lacks the required scope; `removed`: a host has \
            removed the person from the meeting; `meeting-locked`: the meeting is locked, and the person was not in it"),
        (status = 404, body = Problem, description = "`not-found`: no room has this name"),
        (status = 409, body = Problem, description = "`conflict`: the room's platform is not configured on this server"),
    ),
)]
pub async fn join(
    State(app): State<AppState>,
    _: Admitter,
    path: RoomPath,
    ApiJson(body): ApiJson<JoinRoom>,
) -> ApiResult<IssuedCredentials> {
    let mut conn = app.conn().await?;
    let room = path.find(&mut conn).await?;
    let person = body.into_person()?;
    let open = OpenMeeting::of(&mut conn, &room).await?;
    drop(conn);
    issue(&app, room, open.as_ref(), person).await
}

impl JoinRoom {
    fn into_person(self) -> ApiResult<Person> {
        if self.identity.as_ref().is_some_and(is_reserved) {
            return Err(ApiError::invalid(
                "identity",
                "must not begin with egress- or EG_: these identities are reserved for recorders",
            ));
        }
        let role = self.role.unwrap_or(Role::Participant);
        Ok(Person {
            identity: self.identity,
            display_name: self.display_name,
            role,
            permissions: Permissions::choose(role, self.permissions.unwrap_or_default().into())?,
            ttl: ttl(self.ttl_s)?,
        })
    }
}

/// Whether an identity belongs to recorders.
pub fn is_reserved(identity: &Identity) -> bool {
    RESERVED_IDENTITY_PREFIXES
        .iter()
        .any(|prefix| identity.as_str().starts_with(prefix))
}

/// Returns the requested validity; the platform's adapter checks its bounds.
pub fn ttl(seconds: Option<i64>) -> Result<Option<TimeDelta>, JoinError> {
    let ttl = |seconds| TimeDelta::try_seconds(seconds).ok_or(JoinError::InvalidTtl);
    seconds.map(ttl).transpose()
}

impl From<NotPermitted> for ApiError {
    fn from(error: NotPermitted) -> Self {
        Self::invalid(format!("permissions.{}", error.permission), error)
    }
}
