use axum::{Json, extract::State};

use super::{RoomBody, RoomPath};
use crate::{
    api::{
        caller::Reader,
        error::{ApiResult, Problem},
    },
    state::AppState,
};

/// Look at a room
#[utoipa::path(
    get, path = "/v1/rooms/{name}", operation_id = "get_room", tag = "rooms",
    params(("name" = String, Path)),
    responses((status = 200, body = RoomBody), (status = 404, body = Problem)),
)]
pub async fn get(State(app): State<AppState>, _: Reader, path: RoomPath) -> ApiResult<Json<RoomBody>> {
    let mut conn = app.conn().await?;
    Ok(Json(path.find(&mut conn).await?.into()))
}
