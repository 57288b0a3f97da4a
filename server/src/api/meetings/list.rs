use axum::{Json, extract::State};
use domain::{MeetingId, RoomName, event::PlatformKind};
use serde::Deserialize;
use storage::meetings::MeetingFilter;
use utoipa::IntoParams;

use super::{MeetingBody, MeetingStatus};
use crate::{
    api::{
        caller::Reader,
        error::ApiResult,
        extract::ApiQuery,
        list_page::{ListPage, PageRequest},
        time::{ApiTime, check_order},
    },
    state::AppState,
};

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct MeetingsQuery {
    /// Returns only meetings of rooms with this name, also of rooms that were deleted.
    #[param(value_type = Option<String>, pattern = "^[a-z0-9][a-z0-9-]{0,62}$")]
    room: Option<RoomName>,
    /// Returns only meetings in this state.
    state: Option<MeetingStatus>,
    /// Returns only meetings on this platform.
    platform: Option<PlatformKind>,
    /// Returns only meetings that began at this time or later (RFC 3339).
    #[param(value_type = Option<String>, format = DateTime, example = "2026-11-01T00:00:00Z")]
    from: Option<ApiTime>,
    /// Returns only meetings that began before this time (RFC 3339).
    #[param(value_type = Option<String>, format = DateTime, example = "2026-12-01T00:00:00Z")]
    to: Option<ApiTime>,
    /// Maximum number of items to return, 1 to 200.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// `next` of the previous page, unchanged, with the same filters. Omit it for the first page.
    #[param(min_length = 1)]
    cursor: Option<String>,
}

/// List meetings
///
/// Returns open and closed meetings, newest first. Filters can be combined. If nothing matches, the list is empty.
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
    check_order(query.from, query.to)?;
    let page = PageRequest::<(ApiTime, MeetingId)>::new(query.limit, query.cursor)?;
    let filter = MeetingFilter {
        room: query.room,
        platform: query.platform,
        is_open: query.state.map(|state| matches!(state, MeetingStatus::Open)),
        from: query.from.map(Into::into),
        to: query.to.map(Into::into),
    };
    let after = page.after.map(|(started_at, id)| (started_at.into(), id));
    let mut conn = app.conn().await?;
    let meetings = storage::meetings::list(&mut conn, &filter, after, page.row_limit()).await?;
    Ok(Json(page.page(
        meetings,
        |m| (ApiTime::stored(m.started_at), m.id),
        MeetingBody::from,
    )))
}
