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
    /// Format of the response. Overrides `Accept`.
    #[param(inline)]
    format: Option<Format>,
}

/// Get the transcript of a meeting
///
/// Returns the merged transcript of all participants. Each word has a speaker and a time since the meeting's
/// `started_at`. `missing` says whose words are missing, when and why.
///
/// The format is set by `format` or else by `Accept`: JSON (the default), plain text, SubRip or WebVTT. A meeting is
/// transcribed after it has closed. Until then, and if the transcription failed, the response is 404
/// `transcript-not-ready`.
#[utoipa::path(
    get, path = "/v1/meetings/{id}/transcript", operation_id = "get_transcript", tag = "transcripts",
    security(("key" = ["read"])),
    params(("id" = uuid::Uuid, Path, description = "Meeting id"), TranscriptQuery),
    responses(
        (status = 200, description = "The transcript", content(
            (Transcript = "application/json"), (String = "text/plain"),
            (String = "application/x-subrip"), (String = "text/vtt"),
        )),
        (status = 404, body = Problem, description = "`not-found`: no meeting has this id. `transcript-not-ready`: `state` \
            is `pending`, `running` or `failed`; unless it is `failed`, `Retry-After` says when to retry"),
        (status = 406, body = Problem, description = "`not-acceptable`: `Accept` allows none of the formats"),
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
