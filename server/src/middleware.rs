//! Middleware around every request: request id, log span, metrics, timeout and panics.

use std::{
    any::Any,
    time::{Duration, Instant},
};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderValue, Method},
    middleware::Next,
    response::{IntoResponse, Response},
};
use tracing::{Instrument, field};

use crate::{api::error::ApiError, request_id, state::AppState};

/// Span field with the id of the API key.
pub const KEY_ID: &str = "key.id";

/// Time limit until a response starts. Streaming its body has no limit.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Gives the request an id and a log span, and records its metrics.
pub async fn trace(State(app): State<AppState>, request: Request, next: Next) -> Response {
    let id = request_id::of_caller(request.headers()).unwrap_or_else(|| (app.ids)().to_string());
    let method = request.method().clone();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("none", MatchedPath::as_str)
        .to_owned();
    let span = tracing::info_span!("request", request.id = id, %method, route, key.id = field::Empty);
    let started = Instant::now();
    let respond = async {
        let response = next.run(request).await;
        tracing::debug!(
            status = response.status().as_u16(),
            duration_ms = started.elapsed().as_millis(),
            "response sent"
        );
        response
    };
    let mut response = request_id::within(id.clone(), respond.instrument(span)).await;
    record_metrics(method_label(&method), route, &response, started.elapsed());
    if let Ok(id) = HeaderValue::try_from(id) {
        response.headers_mut().insert(request_id::REQUEST_ID, id);
    }
    response
}

/// Responds 503 if the handler exceeds [`REQUEST_TIMEOUT`].
pub async fn timeout(request: Request, next: Next) -> Response {
    tokio::time::timeout(REQUEST_TIMEOUT, next.run(request))
        .await
        .unwrap_or_else(|_| too_late())
}

/// Returns the response to a request whose handler took too long.
pub fn too_late() -> Response {
    let why = anyhow::anyhow!("no response within {} s", REQUEST_TIMEOUT.as_secs());
    ApiError::Unavailable {
        what: "a service that this request needs",
        why,
    }
    .into_response()
}

/// Returns the response to a request whose handler panicked.
pub fn on_panic(panic: Box<dyn Any + Send + 'static>) -> Response {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied());
    ApiError::Internal(anyhow::anyhow!("a handler panicked: {}", text.unwrap_or("no message"))).into_response()
}

/// Returns the method as a label. A client may send any word; each new label costs memory for ever.
fn method_label(method: &Method) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    KNOWN
        .into_iter()
        .find(|known| *known == method.as_str())
        .unwrap_or("other")
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
