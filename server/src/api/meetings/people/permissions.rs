use axum::{Json, extract::State};
use domain::{
    Identity,
    audit::AuditAction,
    participant::Role,
    permissions::{PermissionChoice, Permissions},
};
use platform::Control;
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{ControlledMeeting, Moderator, not_a_recorder};
use crate::{
    api::{
        error::{ApiError, ApiResult, Problem},
        extract::ApiJson,
        rooms::PermissionsBody,
    },
    state::AppState,
};

/// New permissions of somebody. What is omitted stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangePermissions {
    /// Identity of the person, who must be connected.
    #[schema(value_type = String)]
    identity: Identity,
    /// May publish a microphone.
    audio: Option<bool>,
    /// May publish a camera.
    video: Option<bool>,
    /// May publish a screen with its sound.
    screen: Option<bool>,
    /// May send data messages, such as chat.
    data: Option<bool>,
}

/// Change a participant's permissions
///
/// Applies at once and until the meeting ends, also after the person joins again. Tracks that they may no longer publish end.
/// A `listener` can be allowed to speak this way. Nobody can be hidden or shown: that is decided when they join.
#[utoipa::path(
    post, path = "/v1/meetings/{id}/participants/permissions", operation_id = "change_permissions", tag = "people",
    security(("key" = ["write"]), ("participant" = [])),
    params(("id" = uuid::Uuid, Path, description = "Meeting id")), request_body = ChangePermissions,
    responses(
        (status = 200, body = PermissionsBody, description = "What the person may do now"),
        (status = 404, body = Problem, description = "`not-found`: no meeting has this id, or it is not the host's; or the \
            person is not connected"),
        (status = 409, body = Problem, description = "`meeting-over`: the meeting is over; \
            `conflict`: its platform is not configured on this server, or a hidden person would speak"),
        (status = 422, body = Problem, description = "`unsupported`: the platform cannot change permissions; `invalid`: a field is invalid"),
    ),
)]
pub async fn change(
    State(app): State<AppState>,
    moderator: Moderator,
    ApiJson(body): ApiJson<ChangePermissions>,
) -> ApiResult<Json<PermissionsBody>> {
    let meeting = moderator.find_open(&app).await?;
    not_a_recorder(&body.identity)?;
    let changed = body.apply(permissions_of(&meeting, &body.identity).await?)?;
    let mut tx = app.begin().await?;
    storage::controls::permit(&mut tx, meeting.id(), &body.identity, changed, (app.clock)()).await?;
    let details = json!({"identity": body.identity, "permissions": changed});
    meeting.audit(&mut tx, AuditAction::ChangePermissions, details).await?;
    storage::pool::commit(tx).await?;
    meeting.command(&Control::Permit(body.identity, changed)).await?;
    Ok(Json(changed.into()))
}

async fn permissions_of(meeting: &ControlledMeeting, identity: &Identity) -> ApiResult<Permissions> {
    let people = meeting.people().await?;
    let person = people.into_iter().find(|person| person.identity == *identity);
    person
        .map(|person| person.permissions)
        .ok_or(ApiError::NotFound("participant"))
}

impl ChangePermissions {
    /// A host may let anybody speak, whatever their role, but nobody whom the others cannot see.
    fn apply(&self, current: Permissions) -> ApiResult<Permissions> {
        let choice = PermissionChoice {
            audio: self.audio,
            video: self.video,
            screen: self.screen,
            data: self.data,
            hidden: Some(false),
        };
        let changed = current.changed(Role::Participant, choice)?;
        match current.hidden && changed != Permissions::of(Role::Listener) {
            true => Err(ApiError::Conflict(
                "a hidden participant cannot be heard or seen".to_owned(),
            )),
            false => Ok(Permissions {
                hidden: current.hidden,
                ..changed
            }),
        }
    }
}
