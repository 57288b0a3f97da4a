use axum::{extract::State, http::StatusCode};
use domain::{Identity, TrackSid, audit::AuditAction};
use platform::{Control, TrackChoice};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{ControlledMeeting, Moderator, not_a_recorder};
use crate::{
    api::{
        error::{ApiResult, Problem},
        extract::ApiJson,
    },
    state::AppState,
};

/// Whose tracks.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TracksOf {
    /// Identity of the person.
    #[schema(value_type = String)]
    identity: Identity,
    /// One track. Default: everything that the person publishes.
    #[schema(value_type = Option<String>, example = "TR_AMx23cZGKLrKR5")]
    track_sid: Option<TrackSid>,
}

/// Mute a participant
///
/// Mutes one track of somebody, or all of them. They can unmute themselves; to keep them quiet, take the permission.
#[utoipa::path(
    post, path = "/v1/meetings/{id}/participants/mute", operation_id = "mute_participant", tag = "people",
    security(("key" = ["write"]), ("participant" = [])),
    params(("id" = uuid::Uuid, Path, description = "Meeting id")), request_body = TracksOf,
    responses(
        (status = 204, description = "The tracks are muted; also if they were before"),
        (status = 404, body = Problem, description = "`not-found`: no meeting has this id, or it is not the host's; or the \
            person is not connected, or does not publish the track"),
        (status = 409, body = Problem, description = "`meeting-over`: the meeting is over; \
            `conflict`: its platform is not configured on this server"),
        (status = 422, body = Problem, description = "`unsupported`: the platform cannot mute tracks; `invalid`: a field is invalid"),
    ),
)]
pub async fn mute(
    State(app): State<AppState>,
    moderator: Moderator,
    ApiJson(body): ApiJson<TracksOf>,
) -> ApiResult<StatusCode> {
    let meeting = moderator.find_open(&app).await?;
    command(&meeting, body, AuditAction::MuteTracks, Control::Mute).await
}

/// Unmute a participant
///
/// Unmutes one track of somebody, or all of them, without asking them. LiveKit refuses this unless its setting
/// `room.enable_remote_unmute` is on.
#[utoipa::path(
    post, path = "/v1/meetings/{id}/participants/unmute", operation_id = "unmute_participant", tag = "people",
    security(("key" = ["write"]), ("participant" = [])),
    params(("id" = uuid::Uuid, Path, description = "Meeting id")), request_body = TracksOf,
    responses(
        (status = 204, description = "The tracks are live; also if they were before"),
        (status = 404, body = Problem, description = "`not-found`: no meeting has this id, or it is not the host's; or the \
            person is not connected, or does not publish the track"),
        (status = 409, body = Problem, description = "`not-allowed-by-platform`: the platform's settings forbid it; \
            `meeting-over`: the meeting is over; `conflict`: its platform is not configured on this server"),
        (status = 422, body = Problem, description = "`unsupported`: the platform cannot unmute tracks; `invalid`: a field is invalid"),
    ),
)]
pub async fn unmute(
    State(app): State<AppState>,
    moderator: Moderator,
    ApiJson(body): ApiJson<TracksOf>,
) -> ApiResult<StatusCode> {
    let meeting = moderator.find_open(&app).await?;
    command(&meeting, body, AuditAction::UnmuteTracks, Control::Unmute).await
}

async fn command(
    meeting: &ControlledMeeting,
    body: TracksOf,
    action: AuditAction,
    make: impl FnOnce(Identity, TrackChoice) -> Control,
) -> ApiResult<StatusCode> {
    not_a_recorder(&body.identity)?;
    let details = json!({"identity": body.identity, "track_sid": body.track_sid});
    meeting.audit_order(action, details).await?;
    let choice = body.track_sid.map_or(TrackChoice::All, TrackChoice::One);
    meeting.command(&make(body.identity, choice)).await?;
    Ok(StatusCode::NO_CONTENT)
}
