use axum::{Json, extract::State};
use domain::room::{Language, Room};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{ConsentChoice, RecordingChoice, RoomBody, RoomPath};
use crate::{
    api::{
        caller::Writer,
        error::{ApiResult, Problem},
        extract::ApiJson,
    },
    state::AppState,
};

/// What is not named stays as it is. Name and platform of a room cannot be changed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateRoom {
    /// Holds for tracks that are published from now on.
    recording: Option<RecordingChoice>,
    consent: Option<ConsentChoice>,
    /// Holds for transcripts that are made from now on.
    #[schema(value_type = Option<String>, example = "de-CH")]
    language: Option<Language>,
}

/// Change a room's settings
#[utoipa::path(
    patch, path = "/v1/rooms/{name}", operation_id = "update_room", tag = "rooms",
    params(("name" = String, Path)), request_body = UpdateRoom,
    responses((status = 200, body = RoomBody), (status = 404, body = Problem)),
)]
pub async fn update(
    State(app): State<AppState>,
    _: Writer,
    path: RoomPath,
    ApiJson(body): ApiJson<UpdateRoom>,
) -> ApiResult<Json<RoomBody>> {
    let mut tx = app.begin().await?;
    let room = body.apply(path.lock(&mut tx).await?, &app);
    storage::rooms::save(&mut tx, &room).await?;
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
