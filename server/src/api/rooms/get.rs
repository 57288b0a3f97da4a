use axum::{Json, extract::State};

use super::{RoomBody, RoomPath};
use crate::{
    api::{
        caller::Reader,
        error::{ApiResult, Problem},
    },
    state::AppState,
};

/// Get a room
///
/// Returns the room with its settings.
#[utoipa::path(
    get, path = "/v1/rooms/{name}", operation_id = "get_room", tag = "rooms",
    security(("key" = ["read"])),
    params(("name" = String, Path, description = "Room name")),
    responses(
        (status = 200, body = RoomBody, description = "The room"),
        (status = 404, body = Problem, description = "`not-found`: no room has this name"),
    ),
)]
pub async fn get(State(app): State<AppState>, _: Reader, path: RoomPath) -> ApiResult<Json<RoomBody>> {
    let mut conn = app.conn().await?;
    Ok(Json(path.find(&mut conn).await?.into()))
}
