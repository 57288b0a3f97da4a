use axum::{Json, extract::State};

use super::{RecordingBody, RecordingPath, describe};
use crate::{
    api::{
        caller::Reader,
        error::{ApiError, ApiResult, Problem},
    },
    state::AppState,
};

/// Get a recording
///
/// Returns the recording in its current state.
#[utoipa::path(
    get, path = "/v1/recordings/{id}", operation_id = "get_recording", tag = "recordings",
    security(("key" = ["read"])),
    params(("id" = uuid::Uuid, Path, description = "Recording id")),
    responses(
        (status = 200, body = RecordingBody, description = "The recording"),
        (status = 404, body = Problem, description = "`not-found`: no recording has this id"),
    ),
)]
pub async fn get(State(app): State<AppState>, _: Reader, path: RecordingPath) -> ApiResult<Json<RecordingBody>> {
    let mut conn = app.conn().await?;
    let recording = path.find(&mut conn).await?;
    let described = describe(&mut conn, vec![recording]).await?.pop();
    Ok(Json(described.ok_or(ApiError::NotFound("recording"))?))
}
