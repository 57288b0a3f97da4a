use axum::{
    Json,
    extract::State,
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use domain::transcript::{Transcript, TranscriptState, render};
use serde::Deserialize;
use utoipa::IntoParams;

use super::format::Format;
use crate::{
    api::{
        caller::Reader,
        error::{ApiError, ApiResult, Problem},
        extract::ApiQuery,
        meetings::MeetingPath,
    },
    state::AppState,
};

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TranscriptQuery {
    /// Counts more than `Accept`.
    #[param(inline)]
    format: Option<Format>,
}

/// Read what was said
#[utoipa::path(
    get, path = "/v1/meetings/{id}/transcript", operation_id = "get_transcript", tag = "transcripts",
    params(("id" = uuid::Uuid, Path), TranscriptQuery),
    responses(
        (status = 200, content((Transcript = "application/json"), (String = "text/plain"),
                               (String = "application/x-subrip"), (String = "text/vtt"))),
        (status = 404, body = Problem, description = "No such meeting, or `transcript-not-ready` with its `state`"),
        (status = 406, body = Problem),
    ),
)]
pub async fn get(
    State(app): State<AppState>,
    _: Reader,
    path: MeetingPath,
    ApiQuery(query): ApiQuery<TranscriptQuery>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let format = query.format.map_or_else(|| Format::from_accept(&headers), Ok)?;
    let mut conn = app.conn().await?;
    path.view(&mut conn).await?;
    let found = storage::transcripts::load(&mut conn, path.0).await?;
    match found {
        Some((TranscriptState::Ready | TranscriptState::Empty, transcript)) => Ok(respond(&transcript, format)),
        Some((state, _)) => Err(ApiError::TranscriptNotReady(state)),
        None => Err(ApiError::TranscriptNotReady(TranscriptState::Pending)),
    }
}

fn respond(transcript: &Transcript, format: Format) -> Response {
    let headers = [(header::CONTENT_TYPE, format.content_type()), (header::VARY, "Accept")];
    match format {
        Format::Json => (headers, Json(transcript)).into_response(),
        Format::Txt => (headers, render::text(transcript)).into_response(),
        Format::Srt => (headers, render::srt(transcript)).into_response(),
        Format::Vtt => (headers, render::vtt(transcript)).into_response(),
    }
}
