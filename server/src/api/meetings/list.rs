use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use domain::{MeetingId, RoomName};
use serde::Deserialize;
use utoipa::IntoParams;

use super::MeetingBody;
use crate::{
    api::{
        caller::Reader,
        error::ApiResult,
        extract::ApiQuery,
        list_page::{ListPage, PageRequest},
    },
    state::AppState,
};

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct MeetingsQuery {
    /// Returns only meetings of rooms that have this name, or had it before they were deleted.
    #[param(value_type = Option<String>)]
    room: Option<RoomName>,
    /// Maximum number of items to return, 1 to 200.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// `next` of the previous page, unchanged. Omit it for the first page.
    cursor: Option<String>,
}

/// List meetings
///
/// Returns open and closed meetings, newest first. Meetings of a deleted room are still found by its name. If no room has
/// or had the name in `room`, the list is empty.
#[utoipa::path(
    get, path = "/v1/meetings", operation_id = "list_meetings", tag = "meetings",
    security(("key" = ["read"])),
    params(MeetingsQuery),
    responses((status = 200, body = ListPage<MeetingBody>, description = "A page of meetings")),
)]
pub async fn list(
    State(app): State<AppState>,
    _: Reader,
    ApiQuery(query): ApiQuery<MeetingsQuery>,
) -> ApiResult<Json<ListPage<MeetingBody>>> {
    let page = PageRequest::<(DateTime<Utc>, MeetingId)>::new(query.limit, query.cursor)?;
    let mut conn = app.conn().await?;
    let meetings = storage::meetings::list(&mut conn, query.room.as_ref(), page.after, page.row_limit()).await?;
    Ok(Json(page.page(meetings, |m| (m.started_at, m.id), MeetingBody::from)))
}
