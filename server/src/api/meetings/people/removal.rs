use axum::{extract::State, http::StatusCode};
use domain::{audit::AuditAction, job::Job};
use platform::Control;

use super::{Moderator, PersonChoice, about, not_a_recorder};
use crate::{
    api::{
        error::{ApiResult, Problem},
        extract::ApiJson,
    },
    state::AppState,
};

/// Remove a participant
///
/// Disconnects somebody and keeps them out until the meeting ends: they get no new tokens, and whoever joins with an earlier
/// one is disconnected again within a second or so. Somebody who has not come yet can be kept out, too. Only the identity is
/// known: a person who gets another one, from an API key or an invitation link, is not recognized. After a 503 the person is
/// kept out all the same, as soon as the platform answers.
#[utoipa::path(
    post, path = "/v1/meetings/{id}/participants/remove", operation_id = "remove_participant", tag = "people",
    security(("key" = ["write"]), ("participant" = [])),
    params(("id" = uuid::Uuid, Path, description = "Meeting id")), request_body = PersonChoice,
    responses(
        (status = 204, description = "The person is removed; also if they were before"),
        (status = 404, body = Problem, description = "`not-found`: no meeting has this id, or it is not the host's"),
        (status = 409, body = Problem, description = "`meeting-over`: the meeting is over; \
            `conflict`: its platform is not configured on this server"),
        (status = 422, body = Problem, description = "`unsupported`: the platform cannot remove people; `invalid`: a field is invalid"),
    ),
)]
pub async fn remove(
    State(app): State<AppState>,
    moderator: Moderator,
    ApiJson(body): ApiJson<PersonChoice>,
) -> ApiResult<StatusCode> {
    let meeting = moderator.find_open(&app).await?;
    not_a_recorder(&body.identity)?;
    let mut tx = app.begin().await?;
    if storage::controls::remove(&mut tx, meeting.id(), &body.identity, (app.clock)()).await? {
        let meeting_id = meeting.id();
        storage::jobs::add(&mut tx, &[Job::EnforceControls { meeting_id }]).await?;
        let details = about(&body.identity);
        meeting.audit(&mut tx, AuditAction::RemoveParticipant, details).await?;
    }
    storage::pool::commit(tx).await?;
    meeting.command(&Control::Remove(body.identity)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Let a removed participant in again
///
/// Undoes a removal: the person can get tokens and join again.
#[utoipa::path(
    post, path = "/v1/meetings/{id}/participants/readmit", operation_id = "readmit_participant", tag = "people",
    security(("key" = ["write"]), ("participant" = [])),
    params(("id" = uuid::Uuid, Path, description = "Meeting id")), request_body = PersonChoice,
    responses(
        (status = 204, description = "The person may join; also if they were not removed"),
        (status = 404, body = Problem, description = "`not-found`: no meeting has this id, or it is not the host's"),
        (status = 409, body = Problem, description = "`meeting-over`: the meeting is over"),
    ),
)]
pub async fn readmit(
    State(app): State<AppState>,
    moderator: Moderator,
    ApiJson(body): ApiJson<PersonChoice>,
) -> ApiResult<StatusCode> {
    let meeting = moderator.find_open(&app).await?;
    let mut tx = app.begin().await?;
    if storage::controls::readmit(&mut tx, meeting.id(), &body.identity).await? {
        let details = about(&body.identity);
        meeting.audit(&mut tx, AuditAction::ReadmitParticipant, details).await?;
    }
    storage::pool::commit(tx).await?;
    Ok(StatusCode::NO_CONTENT)
}
