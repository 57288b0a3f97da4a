use std::time::Duration;

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::{ObjectKey, recording::Recording};
use objects::{ByteRange, Object, ObjectError};
use utoipa::ToSchema;

use super::{RecordingPath, range};
use crate::{
    api::{
        caller::Reader,
        error::{ApiError, ApiResult, Problem},
    },
    state::AppState,
};

/// Media type of every recording (RFC 7845 section 9).
const OGG_OPUS: &str = "audio/ogg; codecs=opus";

/// Validity of the signed URL in a redirect: long enough to listen to a long meeting.
const REDIRECT_TTL: Duration = Duration::from_secs(6 * 3600);

/// An OGG file with one Opus stream.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
pub struct OggOpus(());

/// Download the audio of a recording
///
/// Streams the OGG/Opus file as it was recorded, whole or the requested range. If the installation exposes its object
/// store to browsers, the response is a redirect to a signed URL that is valid for six hours.
///
/// `HEAD` returns the same headers without the audio. The `ETag` is the SHA-256 of the file once it has been verified.
#[utoipa::path(
    get, path = "/v1/recordings/{id}/audio", operation_id = "get_recording_audio", tag = "recordings",
    security(("key" = ["read"])),
    params(
        ("id" = uuid::Uuid, Path, description = "Recording id"),
        ("Range" = Option<String>, Header, example = "bytes=0-4095",
         description = "One byte range (RFC 9110). Several ranges, other units and malformed values are ignored, and \
                        the whole file is returned."),
    ),
    responses(
        (status = 200, content_type = "audio/ogg", body = OggOpus, description = "The whole file"),
        (status = 206, content_type = "audio/ogg", body = OggOpus, description = "The requested range"),
        (status = 302, description = "`Location` is a signed URL of the object store"),
        (status = 404, body = Problem, description = "`not-found`: no recording has this id, or its file is missing in the store"),
        (status = 409, body = Problem,
         description = "`audio-not-ready`: the recording has no file, or none yet; `state` is its current state"),
        (status = 416, body = Problem, description = "`bad-range`: the range lies outside the file; `Content-Range` has its size"),
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
        Method::HEAD => {
            let total_bytes = app.objects.size(key).await.map_err(store_error)?;
            head_response(total_bytes.ok_or(ApiError::NotFound("audio file"))?, requested)?
        }
        _ => stream_response(app.objects.get(key, requested).await.map_err(store_error)?, requested),
    };
    set_headers(response.headers_mut(), &recording);
    Ok(response)
}

fn object_key(recording: &Recording) -> ApiResult<&ObjectKey> {
    let not_ready = ApiError::AudioNotReady(recording.state.as_str());
    recording.state.file().map(|file| &file.object).ok_or(not_ready)
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

/// Responds to HEAD with the headers of GET, without opening the object.
fn head_response(total: u64, requested: Option<ByteRange>) -> ApiResult<Response> {
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
        ObjectError::NotFound(_) => ApiError::NotFound("audio file"),
        ObjectError::OutOfRange { total_bytes, .. } => ApiError::BadRange(total_bytes),
        error if error.is_transient() => ApiError::Unavailable {
            what: "the object store",
            why: error.into(),
        },
        error => ApiError::Internal(error.into()),
    }
}
