use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    RoomPath,
    credentials::{IssuedCredentials, JoinCredentials, OpenMeeting, Person, issue},
    join::ttl,
};
use crate::{
    api::{
        error::{ApiError, ApiResult, Problem},
        extract::ApiJson,
    },
    state::AppState,
    tokens::ParticipantClaims,
};

/// Who wants a new join token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RefreshToken {
    /// `participant_token` of the earlier response.
    #[schema(example = "tsp_1.eyJyb29tIjoi…")]
    participant_token: String,
    /// Validity of the new join token in seconds, 300 to 86400. Default: 7200.
    #[schema(minimum = 300, maximum = 86400, default = 7200)]
    ttl_s: Option<i64>,
}

/// Refresh a join token
///
/// Returns a new join token for the same person, with the permissions that they have now, while the meeting lasts that the
/// earlier one was issued for. Needs no API key: the participant token is the proof, and it cannot be used in another
/// meeting or room. It stays valid; the response contains a newer one.
#[utoipa::path(
    post, path = "/v1/rooms/{name}/refresh", operation_id = "refresh_token", tag = "rooms",
    params(("name" = String, Path, description = "Room name")), request_body = RefreshToken,
    responses(
        (status = 201, body = JoinCredentials, description = "The new token"),
        (status = 401, body = Problem, description = "`invalid-token`: the participant token is damaged or has expired, or is for another room"),
        (status = 403, body = Problem, description = "`removed`: a host has removed the person from the meeting; \
            `meeting-locked`: the meeting is locked, and the person was not in it"),
        (status = 404, body = Problem, description = "`not-found`: no room has this name"),
        (status = 409, body = Problem, description = "`meeting-over`: the meeting is over"),
        (status = 422, body = Problem, description = "`invalid`: a parameter or field is invalid; `errors` lists each"),
        (status = 429, body = Problem, description = "`too-many-requests`: the rate limit is exceeded"),
    ),
)]
pub async fn refresh(
    State(app): State<AppState>,
    path: RoomPath,
    ApiJson(body): ApiJson<RefreshToken>,
) -> ApiResult<IssuedCredentials> {
    let claims = ParticipantClaims::verify(&app.signer, &body.participant_token, (app.clock)());
    let claims = claims.ok_or(ApiError::InvalidToken)?;
    let mut conn = app.conn().await?;
    let room = path.find(&mut conn).await?;
    if claims.room != room.id {
        return Err(ApiError::InvalidToken);
    }
    let open = OpenMeeting::of(&mut conn, &room).await?;
    let is_meant = |open: &OpenMeeting| claims.is_for(room.id, open.id, open.started_at);
    let Some(open) = open.filter(is_meant) else {
        return Err(ApiError::MeetingOver);
    };
    let person = Person {
        identity: Some(claims.identity),
        display_name: claims.display_name,
        role: claims.role,
        permissions: claims.permissions,
        ttl: ttl(body.ttl_s)?,
    };
    drop(conn);
    issue(&app, room, Some(&open), person).await
}
