//! What surrounds every request: its id, its place in the logs, its count, and an end to patience.

use std::{
    any::Any,
    time::{Duration, Instant},
};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue},
    middleware::Next,
    response::{IntoResponse, Response},
};
use tracing::{Instrument, field};

use crate::{api::error::ApiError, state::AppState};

/// In: the caller's own id of a request. Out: the id by which our logs know it.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The field of a request's span that names the key with which it came.
pub const KEY_ID: &str = "key.id";

/// Longest id of a caller that we take over.
const MAX_REQUEST_ID_LEN: usize = 64;

/// An answer must have started by then. Streams of audio may go on for as long as they last.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Middleware: gives the request an id, a span and a place in the metrics.
pub async fn trace(State(app): State<AppState>, request: Request, next: Next) -> Response {
    let id = caller_request_id(request.headers()).unwrap_or_else(|| (app.ids)().to_string());
    let method = request.method().clone();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("none", MatchedPath::as_str)
        .to_owned();
    let span = tracing::info_span!("request", request.id = id, %method, route, key.id = field::Empty);
    let started = Instant::now();
    let mut response = async {
        let response = next.run(request).await;
        tracing::debug!(
            status = response.status().as_u16(),
            duration_ms = started.elapsed().as_millis(),
            "answered"
        );
        response
    }
    .instrument(span)
    .await;
    record_metrics(method.as_str(), route, &response, started.elapsed());
    if let Ok(id) = HeaderValue::try_from(id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

/// Middleware: answers for a handler that takes too long.
pub async fn timeout(request: Request, next: Next) -> Response {
    let late = |_| {
        let why = anyhow::anyhow!("no answer within {} s", REQUEST_TIMEOUT.as_secs());
        ApiError::Unavailable {
            what: "something that this needs",
            why,
        }
        .into_response()
    };
    tokio::time::timeout(REQUEST_TIMEOUT, next.run(request))
        .await
        .unwrap_or_else(late)
}

/// The answer to a request whose handler panicked.
pub fn on_panic(panic: Box<dyn Any + Send + 'static>) -> Response {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied());
    ApiError::Internal(anyhow::anyhow!("a handler panicked: {}", text.unwrap_or("no words"))).into_response()
}

fn record_metrics(method: &str, route: String, response: &Response, took: Duration) {
    let labels = [
        ("method", method.to_owned()),
        ("route", route),
        ("status", response.status().as_u16().to_string()),
    ];
    metrics::counter!("trackscribe_http_requests_total", &labels).increment(1);
    metrics::histogram!("trackscribe_http_request_seconds", &labels[..2]).record(took.as_secs_f64());
}

/// The id that the caller sent, if it can stand in logs as it is.
fn caller_request_id(headers: &HeaderMap) -> Option<String> {
    let id = headers.get(REQUEST_ID)?.to_str().ok()?;
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    ((1..=MAX_REQUEST_ID_LEN).contains(&id.len()) && id.bytes().all(is_plain)).then(|| id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_and_short_id_is_taken_over() {
        let read = |id: &str| caller_request_id(&HeaderMap::from_iter([(REQUEST_ID, id.parse().unwrap())]));

        assert_eq!(read("req-1_a.B").as_deref(), Some("req-1_a.B"));
        for bad in ["", "a b", "a\"b", &"x".repeat(65)] {
            assert_eq!(read(bad), None, "{bad:?}");
        }
    }
}
