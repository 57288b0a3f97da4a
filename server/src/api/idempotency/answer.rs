//! A stored answer: status, some headers and the body.

use axum::{
    body::{Body, HttpBody, to_bytes},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};

/// Longest body that is stored. Answers to requests that create something are far shorter.
const MAX_BODY_BYTES: u64 = 256 * 1024;

/// Headers that belong to the answer. All others are made anew for each response.
const KEPT_HEADERS: [HeaderName; 3] = [header::CONTENT_TYPE, header::LOCATION, header::CACHE_CONTROL];

#[derive(Serialize, Deserialize)]
struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    /// Base64.
    body: String,
}

/// Reads a successful response so that it can be stored, and returns it as it was. `None` for any other response, and for
/// a body that is long or of unknown length.
pub async fn read(response: Response) -> (Option<Vec<u8>>, Response) {
    let is_short = response
        .body()
        .size_hint()
        .upper()
        .is_some_and(|bytes| bytes <= MAX_BODY_BYTES);
    if !response.status().is_success() || !is_short {
        return (None, response);
    }
    let (parts, body) = response.into_parts();
    let body = match to_bytes(body, MAX_BODY_BYTES as usize).await {
        Ok(body) => body,
        Err(error) => {
            return (
                None,
                crate::api::error::ApiError::Internal(error.into()).into_response(),
            );
        }
    };
    let answer = Answer {
        status: parts.status.as_u16(),
        headers: kept(&parts.headers),
        body: BASE64_STANDARD.encode(&body),
    };
    let stored = serde_json::to_vec(&answer).expect("texts and numbers serialize to JSON");
    (Some(stored), Response::from_parts(parts, Body::from(body)))
}

/// Makes a response of a stored answer. `None` if it cannot be read.
pub fn write(stored: &[u8]) -> Option<Response> {
    let answer: Answer = serde_json::from_slice(stored).ok()?;
    let body = BASE64_STANDARD.decode(answer.body).ok()?;
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(answer.status).ok()?;
    for (name, value) in answer.headers {
        let name: HeaderName = name.parse().ok()?;
        response.headers_mut().insert(name, HeaderValue::try_from(value).ok()?);
    }
    Some(response)
}

fn kept(headers: &HeaderMap) -> Vec<(String, String)> {
    let kept = KEPT_HEADERS
        .iter()
        .filter_map(|name| Some((name, headers.get(name)?.to_str().ok()?)));
    kept.map(|(name, value)| (name.to_string(), value.to_owned())).collect()
}
