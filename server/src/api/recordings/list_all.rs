use axum::{Json, extract::State};
use domain::{RecordingId, RoomName, event::PlatformKind};
use serde::Deserialize;
use storage::recordings::RecordingFilter;
use utoipa::IntoParams;

use super::{RecordingBody, RecordingStatus, describe};
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
pub struct RecordingsQuery {
    /// Returns only recordings of rooms with this name, also of rooms that were deleted.
    #[param(value_type = Option<String>, pattern = "^[a-z0-9][a-z0-9-]{0,62}$")]
    room: Option<RoomName>,
    /// Returns only recordings in this state.
    state: Option<RecordingStatus>,
    /// Returns only recordings of meetings on this platform.
    platform: Option<PlatformKind>,
    /// Returns only recordings of meetings that began at this time or later (RFC 3339).
    #[param(value_type = Option<String>, format = DateTime, example = "2026-11-01T00:00:00Z")]
    from: Option<ApiTime>,
    /// Returns only recordings of meetings that began before this time (RFC 3339).
    #[param(value_type = Option<String>, format = DateTime, example = "2026-12-01T00:00:00Z")]
    to: Option<ApiTime>,
    /// Maximum number of items to return, 1 to 200.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// `next` of the previous page, unchanged, with the same filters. Omit it for the first page.
    #[param(min_length = 1)]
    cursor: Option<String>,
}

/// List recordings
///
/// Returns recordings of all meetings: those of the newest meeting first, and of a meeting the newest first. Filters can be
/// combined. If nothing matches, the list is empty.
#[utoipa::path(
    get, path = "/v1/recordings", operation_id = "list_all_recordings", tag = "recordings",
    security(("key" = ["read"])),
    params(RecordingsQuery),
    responses((status = 200, body = ListPage<RecordingBody>, description = "A page of recordings")),
)]
pub async fn list_all(
    State(app): State<AppState>,
    _: Reader,
    ApiQuery(query): ApiQuery<RecordingsQuery>,
) -> ApiResult<Json<ListPage<RecordingBody>>> {
    check_order(query.from, query.to)?;
    let page = PageRequest::<RecordingId>::new(query.limit, query.cursor)?;
    let filter = RecordingFilter {
        room: query.room,
        platform: query.platform,
        state: query.state.map(RecordingStatus::as_str),
        from: query.from.map(Into::into),
        to: query.to.map(Into::into),
    };
    let mut conn = app.conn().await?;
    let recordings = storage::recordings::list(&mut conn, &filter, page.after, page.row_limit()).await?;
    let described = describe(&mut conn, recordings).await?;
    Ok(Json(page.page(described, |r| r.id, |r| r)))
}

#[cfg(test)]
mod tests;
