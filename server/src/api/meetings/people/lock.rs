use axum::{extract::State, http::StatusCode};
use domain::{Identity, audit::AuditAction, job::Job};
use serde_json::json;

use super::Moderator;
use crate::{
    api::error::{ApiResult, Problem},
    state::AppState,
};

/// Lock a meeting
///
/// From now on nobody new can join: no tokens are issued, and whoever joins with an earlier one is disconnected within a
/// second or so. Everyone who has been in the meeting may leave and return. A locked meeting stays as it is.
#[utoipa::path(
    post, path = "/v1/meetings/{id}/lock", operation_id = "lock_meeting", tag = "people",
    security(("key" = ["write"]), ("participant" = [])),
    params(("id" = uuid::Uuid, Path, description = "Meeting id")),
    responses(
        (status = 204, description = "The meeting is locked; also if it was before"),
        (status = 404, body = Problem, description = "`not-found`: no meeting has this id, or it is not the host's"),
        (status = 409, body = Problem, description = "`meeting-over`: the meeting is over; \
            `conflict`: its platform is not configured on this server"),
        (status = 422, body = Problem, description = "`unsupported`: the platform cannot tell who is connected"),
    ),
)]
pub async fn lock(State(app): State<AppState>, moderator: Moderator) -> ApiResult<StatusCode> {
    let meeting = moderator.find_open(&app).await?;
    // The webhooks of some of them may be late, and the lock must not put them out.
    let connected: Vec<Identity> = meeting.people().await?.into_iter().map(|p| p.identity).collect();
    let mut tx = app.begin().await?;
    if storage::controls::lock(&mut tx, meeting.id(), &connected, (app.clock)()).await? {
        let meeting_id = meeting.id();
        storage::jobs::add(&mut tx, &[Job::EnforceControls { meeting_id }]).await?;
        meeting.audit(&mut tx, AuditAction::LockMeeting, json!({})).await?;
    }
    storage::pool::commit(tx).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Unlock a meeting
///
/// Everyone with a token can join again, except those who were removed.
#[utoipa::path(
    post, path = "/v1/meetings/{id}/unlock", operation_id = "unlock_meeting", tag = "people",
    security(("key" = ["write"]), ("participant" = [])),
    params(("id" = uuid::Uuid, Path, description = "Meeting id")),
    responses(
        (status = 204, description = "The meeting is not locked; also if it was not before"),
        (status = 404, body = Problem, description = "`not-found`: no meeting has this id, or it is not the host's"),
        (status = 409, body = Problem, description = "`meeting-over`: the meeting is over"),
    ),
)]
pub async fn unlock(State(app): State<AppState>, moderator: Moderator) -> ApiResult<StatusCode> {
    let meeting = moderator.find_open(&app).await?;
    let mut tx = app.begin().await?;
    if storage::controls::unlock(&mut tx, meeting.id()).await? {
        meeting.audit(&mut tx, AuditAction::UnlockMeeting, json!({})).await?;
    }
    storage::pool::commit(tx).await?;
    Ok(StatusCode::NO_CONTENT)
}
