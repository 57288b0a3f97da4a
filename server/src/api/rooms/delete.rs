use axum::{extract::State, http::StatusCode};

use super::RoomPath;
use crate::{
    api::{
        caller::Writer,
        error::{ApiResult, Problem},
    },
    state::AppState,
};

/// Take a room away
///
/// Its meetings, recordings and transcripts remain, and a meeting that goes on is recorded to its end. The name is free.
#[utoipa::path(
    delete, path = "/v1/rooms/{name}", operation_id = "delete_room", tag = "rooms",
    params(("name" = String, Path)),
    responses((status = 204), (status = 404, body = Problem)),
)]
pub async fn delete(State(app): State<AppState>, _: Writer, path: RoomPath) -> ApiResult<StatusCode> {
    let mut tx = app.begin().await?;
    let room = path.lock(&mut tx).await?;
    storage::rooms::delete(&mut tx, room.id, (app.clock)()).await?;
    storage::pool::commit(tx).await?;
    Ok(StatusCode::NO_CONTENT)
}
