use axum::{Json, extract::State};
use domain::RoomName;

use super::RoomBody;
use crate::{
    api::{
        caller::Reader,
        error::ApiResult,
        list_page::{ListPage, ListQuery, PageRequest},
    },
    state::AppState,
};

/// List rooms
///
/// Returns all rooms, sorted by name.
#[utoipa::path(
    get, path = "/v1/rooms", operation_id = "list_rooms", tag = "rooms",
    security(("key" = ["read"])),
    params(ListQuery),
    responses((status = 200, body = ListPage<RoomBody>, description = "A page of rooms")),
)]
pub async fn list(
    State(app): State<AppState>,
    _: Reader,
    page: PageRequest<RoomName>,
) -> ApiResult<Json<ListPage<RoomBody>>> {
    let mut conn = app.conn().await?;
    let rooms = storage::rooms::list(&mut conn, page.after.as_ref(), page.row_limit()).await?;
    Ok(Json(page.page(rooms, |room| room.name.clone(), RoomBody::from)))
}
