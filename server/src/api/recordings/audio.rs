use std::time::Duration;

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::{
    ObjectKey,
    recording::{Recording, RecordingState},
};
use objects::{ByteRange, Head, Object, ObjectError};
use utoipa::ToSchema;

use super::{RecordingPath, range};
use crate::{
    api::{
        caller::Reader,
        error::{ApiError, ApiResult, Problem},
    },
    state::AppState,
};

/// Every recording's type (RFC 7845 section 9).
const OGG_OPUS: &str = "audio/ogg; codecs=opus";

/// Life of an address of the store that a browser is sent to: long enough to listen to a long meeting.
const REDIRECT_TTL: Duration = Duration::from_secs(6 * 3600);

/// The bytes of a file.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
pub struct OggOpus(());

/// Listen to a recording
///
/// Streamed as it lies in the store, OGG/Opus, whole or the one range that is asked for. Where browsers can reach the
/// store, they are sent there.
#[utoipa::path(
    get, path = "/v1/recordings/{id}/audio", operation_id = "get_recording_audio", tag = "recordings",
    params(
        ("id" = uuid::Uuid, Path),
        ("Range" = Option<String>, Header, description = "One range of bytes", example = "bytes=0-4095"),
    ),
    responses(
        (status = 200, content_type = "audio/ogg", body = OggOpus),
        (status = 206, content_type = "audio/ogg", body = OggOpus),
        (status = 302, description = "It can be had from the store"),
        (status = 404, body = Problem),
        (status = 409, body = Problem, description = "There is no audio, or not yet: `state` tells"),
        (status = 416, body = Problem),
    ),
)]
pub async fn get(
    State(app): State<AppState>,
    _: Reader,
    path: RecordingPath,
    method: Method,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let recording = path.find(&mut *app.conn().await?).await?;
    let key = object_key(&recording)?;
    if let Some(url) = app.objects.presign_get(key, REDIRECT_TTL).await.map_err(store_error)? {
        return Ok((StatusCode::FOUND, [(header::LOCATION, url.to_string())]).into_response());
    }
    let requested = range::requested(&headers);
    let mut response = match method {
        Method::HEAD => head_response(app.objects.head(key).await.map_err(store_error)?, requested)?,
        _ => stream_response(app.objects.get(key, requested).await.map_err(store_error)?, requested),
    };
    set_headers(response.headers_mut(), &recording);
    Ok(response)
}

fn object_key(recording: &Recording) -> ApiResult<&ObjectKey> {
    match &recording.state {
        RecordingState::Complete(complete) => Ok(&complete.object),
        state => Err(ApiError::AudioNotReady(state.as_str())),
    }
}

fn stream_response(object: Object, requested: Option<ByteRange>) -> Response {
    let (part, total) = (object.range.clone(), object.total_bytes);
    let mut response = Body::from_stream(object.stream).into_response();
    set_range(
        &mut response,
        requested.map(|_| part.clone()),
        part.end - part.start,
        total,
    );
    response
}

/// The answer to HEAD: what GET would say, without opening the object.
fn head_response(head: Head, requested: Option<ByteRange>) -> ApiResult<Response> {
    let total = head.size_bytes;
    let part = requested
        .map(|range| range.resolve(total).ok_or(ApiError::BadRange(total)))
        .transpose()?;
    let length = part.as_ref().map_or(total, |part| part.end - part.start);
    let mut response = Body::empty().into_response();
    set_range(&mut response, part, length, total);
    Ok(response)
}

fn set_range(response: &mut Response, part: Option<std::ops::Range<u64>>, length: u64, total: u64) {
    response
        .headers_mut()
        .insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    if let Some(part) = part {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
        let value = HeaderValue::try_from(format!("bytes {}-{}/{total}", part.start, part.end - 1));
        response
            .headers_mut()
            .insert(header::CONTENT_RANGE, value.expect("digits are a header value"));
    }
}

fn set_headers(headers: &mut HeaderMap, recording: &Recording) {
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(OGG_OPUS));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    let digest = recording.acceptance.as_ref().map(|a| format!("\"{}\"", a.sha256));
    if let Some(Ok(tag)) = digest.map(HeaderValue::try_from) {
        headers.insert(header::ETAG, tag);
    }
}

fn store_error(error: ObjectError) -> ApiError {
    match error {
        ObjectError::NotFound(_) => ApiError::NotFound("object in the store"),
        ObjectError::OutOfRange { total_bytes, .. } => ApiError::BadRange(total_bytes),
        error if error.is_transient() => ApiError::Unavailable {
            what: "the object store",
            why: error.into(),
        },
        error => ApiError::Internal(error.into()),
    }
}
