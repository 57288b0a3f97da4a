use axum::{Json, extract::State};
use domain::RecordingId;

use super::{RecordingBody, describe};
use crate::{
    api::{
        caller::Reader,
        error::{ApiResult, Problem},
        list_page::{ListPage, ListQuery, PageRequest},
        meetings::MeetingPath,
    },
    state::AppState,
};

/// List recordings of a meeting
///
/// Returns the recordings in all states, oldest first. Where tracks are recorded one by one, a participant has one recording
/// per published microphone track, and further ones of the same track if an earlier recording failed or ended while the track
/// was live. Where the platform records a whole meeting, it has the files that the platform made of it.
#[utoipa::path(
    get, path = "/v1/meetings/{id}/recordings", operation_id = "list_recordings", tag = "recordings",
    security(("key" = ["read"])),
    params(("id" = uuid::Uuid, Path, description = "Meeting id"), ListQuery),
    responses(
        (status = 200, body = ListPage<RecordingBody>, description = "A page of recordings"),
        (status = 404, body = Problem, description = "`not-found`: no meeting has this id"),
    ),
)]
pub async fn list(
    State(app): State<AppState>,
    _: Reader,
    path: MeetingPath,
    page: PageRequest<RecordingId>,
) -> ApiResult<Json<ListPage<RecordingBody>>> {
    let mut conn = app.conn().await?;
    let meeting = path.view(&mut conn).await?.id;
    let recordings = storage::recordings::page_for_meeting(&mut conn, meeting, page.after, page.row_limit()).await?;
    let described = describe(&mut conn, recordings).await?;
    Ok(Json(page.page(described, |r| r.id, |r| r)))
}
