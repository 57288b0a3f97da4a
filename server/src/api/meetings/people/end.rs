use axum::{extract::State, http::StatusCode};
use domain::audit::AuditAction;
use platform::Control;
use serde_json::json;

use super::Moderator;
use crate::{
    api::error::{ApiResult, Problem},
    state::AppState,
};

/// End a meeting
///
/// Disconnects everyone. The meeting closes when the platform reports the end, usually within a second; its recordings are
/// kept. Tokens stay valid: whoever joins again opens a new meeting.
#[utoipa::path(
    post, path = "/v1/meetings/{id}/end", operation_id = "end_meeting", tag = "people",
    security(("key" = ["write"]), ("participant" = [])),
    params(("id" = uuid::Uuid, Path, description = "Meeting id")),
    responses(
        (status = 204, description = "The meeting is ending, or is over"),
        (status = 404, body = Problem, description = "`not-found`: no meeting has this id, or it is not the host's"),
        (status = 409, body = Problem, description = "`conflict`: its platform is not configured on this server"),
        (status = 422, body = Problem, description = "`unsupported`: the platform cannot end meetings"),
    ),
)]
pub async fn end(State(app): State<AppState>, moderator: Moderator) -> ApiResult<StatusCode> {
    let meeting = moderator.find(&app).await?;
    if meeting.meeting.is_open() {
        meeting.audit_order(AuditAction::EndMeeting, json!({})).await?;
        meeting.command(&Control::End).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}
