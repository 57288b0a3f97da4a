use axum::{Json, extract::State};
use domain::{
    audit::AuditAction,
    room::{Language, Room},
};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{ConsentChoice, RecordingChoice, RoomBody, RoomPath, audit::entry, check_recording};
use crate::{
    api::{
        caller::Writer,
        error::{ApiResult, Problem},
        extract::ApiJson,
    },
    state::AppState,
};

/// New values of a room's settings. Omitted fields keep their values.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateRoom {
    /// Applies to tracks published after the change; running recordings continue.
    recording: Option<RecordingChoice>,
    /// Applies to tracks published after the change.
    consent: Option<ConsentChoice>,
    /// BCP 47 tag of at most 35 characters. Applies to transcriptions that start after the change.
    #[schema(value_type = Option<String>, example = "de-CH")]
    language: Option<Language>,
}

/// Update a room
///
/// Changes the given settings and keeps all others. Name and platform cannot be changed. Repeating the request changes
/// only `updated_at`.
#[utoipa::path(
    patch, path = "/v1/rooms/{name}", operation_id = "update_room", tag = "rooms",
    security(("key" = ["write"])),
    params(("name" = String, Path, description = "Room name")), request_body = UpdateRoom,
    responses(
        (status = 200, body = RoomBody, description = "The room with its new settings"),
        (status = 404, body = Problem, description = "`not-found`: no room has this name"),
    ),
)]
pub async fn update(
    State(app): State<AppState>,
    caller: Writer,
    path: RoomPath,
    ApiJson(body): ApiJson<UpdateRoom>,
) -> ApiResult<Json<RoomBody>> {
    let mut tx = app.begin().await?;
    let room = body.apply(path.lock(&mut tx).await?, &app);
    check_recording(&room)?;
    storage::rooms::save(&mut tx, &room).await?;
    storage::audit::append(&mut tx, &entry(caller.actor, AuditAction::UpdateRoom, &room)).await?;
    storage::pool::commit(tx).await?;
    Ok(Json(room.into()))
}

impl UpdateRoom {
    fn apply(self, room: Room, app: &AppState) -> Room {
        Room {
            recording: self.recording.map_or(room.recording, Into::into),
            consent: self.consent.map_or(room.consent, Into::into),
            language: self.language.unwrap_or(room.language),
            updated_at: (app.clock)(),
            ..room
        }
    }
}
