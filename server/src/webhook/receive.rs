//! Verifies a webhook and responds once it is stored.

use std::time::Duration;

use axum::{
    body::Bytes,
    extract::{DefaultBodyLimit, FromRequest, Request, State},
    http::StatusCode,
};
use domain::event::PlatformKind;
use platform::{Received, WebhookError};
use storage::events::Stored;
use tokio::time::{Instant, error::Elapsed, timeout_at};

use super::ingest;
use crate::{
    api::{
        error::{ApiError, ApiResult, Problem},
        extract::body_error,
    },
    state::AppState,
};

/// Time limit for a response. LiveKit has no timeout of its own, so a webhook without response blocks all later ones.
pub const WEBHOOK_TIMEOUT: Duration = Duration::from_secs(3);

/// Time from the first byte until the row is committed: to read the body, get a connection, and insert. After that the
/// answer is 503 and LiveKit sends the event again.
const STORE_TIMEOUT: Duration = Duration::from_millis(2_000);

/// Time from the first byte until an event is judged. The rest of the three seconds is for the response. A stored event
/// that is not judged by then is left to a worker.
const JUDGE_TIMEOUT: Duration = Duration::from_millis(2_800);

/// Outcome in metrics of a stored event that is left to a worker, because judging it took too long.
const LATE: &str = "late";

/// Outcome in metrics of a webhook by which a platform only checks the address.
const PING: &str = "ping";

/// Receive a LiveKit webhook
///
/// For LiveKit only: set the URL of this endpoint under `webhook.urls` in `livekit.yaml`. The request is authenticated by
/// LiveKit's signature in `Authorization`, not by an API key.
///
/// Returns 200 once the event is stored. Its effects are committed at once, or later if that is not possible now. Repeated
/// events, unknown events and events of rooms that Trackscribe does not manage also return 200 and change nothing. LiveKit
/// retries after 503 and drops the event after 401.
#[utoipa::path(
    post, path = "/v1/livekit/webhook", operation_id = "receive_livekit_webhook", tag = "webhooks",
    request_body(content_type = "application/webhook+json", content = serde_json::Value),
    responses(
        (status = 200, description = "The event is stored, or was stored before"),
        (status = 400, body = Problem, description = "`malformed`: the signature is valid, but the body is not an event"),
        (status = 401, body = Problem, description = "`bad-signature`: the signature is missing, invalid or expired"),
        (status = 404, body = Problem, description = "`platform-not-configured`: LiveKit is not configured on this server"),
        (status = 413, body = Problem, description = "`too-large`: the body exceeds 1 MiB"),
        (status = 503, body = Problem, description = "`unavailable`: the event cannot be stored now; retry after `Retry-After` seconds"),
    ),
)]
pub async fn livekit(State(app): State<AppState>, request: Request) -> ApiResult<StatusCode> {
    receive(&app, PlatformKind::Livekit, request).await
}

/// Receive a Daily webhook
///
/// For Daily only, which is told this address when Trackscribe registers it. The request is authenticated by Daily's signature
/// in `X-Webhook-Signature`, not by an API key. Daily's check of the address, `{"test":"test"}`, returns 200 without one.
///
/// Returns 200 once the event is stored. Repeated events, unknown events and events of rooms that Trackscribe does not manage
/// also return 200 and change nothing.
#[utoipa::path(
    post, path = "/v1/daily/webhook", operation_id = "receive_daily_webhook", tag = "webhooks",
    request_body(content_type = "application/json", content = serde_json::Value),
    responses(
        (status = 200, description = "The event is stored, or was stored before"),
        (status = 400, body = Problem, description = "`malformed`: the signature is valid, but the body is not an event"),
        (status = 401, body = Problem, description = "`bad-signature`: the signature is missing, invalid or expired"),
        (status = 404, body = Problem, description = "`platform-not-configured`: Daily is not configured on this server"),
        (status = 413, body = Problem, description = "`too-large`: the body is too long"),
        (status = 503, body = Problem, description = "`unavailable`: the event cannot be stored now; retry after `Retry-After` seconds"),
    ),
)]
pub async fn daily(State(app): State<AppState>, request: Request) -> ApiResult<StatusCode> {
    receive(&app, PlatformKind::Daily, request).await
}

/// Receive a Whereby webhook
///
/// For Whereby only: enter the URL of this endpoint in Whereby's dashboard. The request is authenticated by Whereby's signature
/// in `Whereby-Signature`, not by an API key.
///
/// Returns 200 once the event is stored. Repeated events, unknown events and events of rooms that Trackscribe does not manage
/// also return 200 and change nothing. Whereby retries after 503 and drops the event after 401.
#[utoipa::path(
    post, path = "/v1/whereby/webhook", operation_id = "receive_whereby_webhook", tag = "webhooks",
    request_body(content_type = "application/json", content = serde_json::Value),
    responses(
        (status = 200, description = "The event is stored, or was stored before"),
        (status = 400, body = Problem, description = "`malformed`: the signature is valid, but the body is not an event"),
        (status = 401, body = Problem, description = "`bad-signature`: the signature is missing, invalid or expired"),
        (status = 404, body = Problem, description = "`platform-not-configured`: Whereby is not configured on this server"),
        (status = 413, body = Problem, description = "`too-large`: the body is too long"),
        (status = 503, body = Problem, description = "`unavailable`: the event cannot be stored now; retry after `Retry-After` seconds"),
    ),
)]
pub async fn whereby(State(app): State<AppState>, request: Request) -> ApiResult<StatusCode> {
    receive(&app, PlatformKind::Whereby, request).await
}

async fn receive(app: &AppState, platform: PlatformKind, request: Request) -> ApiResult<StatusCode> {
    let received = Instant::now();
    let stored = timeout_at(received + STORE_TIMEOUT, store_request(app, platform, request))
        .await
        .map_err(too_late)
        .flatten();
    let outcome = match &stored {
        Err(error) => outcome_of_error(error),
        Ok(stored) => timeout_at(received + JUDGE_TIMEOUT, judge(app, stored))
            .await
            .unwrap_or(LATE),
    };
    metrics::counter!("trackscribe_webhooks_total", "platform" => platform.as_str(), "outcome" => outcome).increment(1);
    stored.map(|_| StatusCode::OK)
}

/// Verifies the headers before the body is read, then both. A ping stores nothing.
async fn store_request(app: &AppState, platform: PlatformKind, mut request: Request) -> ApiResult<Vec<Stored>> {
    let adapter = app
        .platforms
        .get(platform)
        .ok_or(ApiError::PlatformNotConfigured(platform))?;
    let headers = request.headers().clone();
    let max_bytes = adapter.check_headers(&headers, (app.clock)())?;
    DefaultBodyLimit::max(max_bytes).apply(&mut request);
    let body = Bytes::from_request(request, app)
        .await
        .map_err(|error| body_error(&error, max_bytes))?;
    let events = match adapter.receive(&headers, &body, (app.clock)())? {
        Received::Ping => return Ok(Vec::new()),
        Received::Facts(events) => events,
    };
    let stored = ingest::store(app, &events).await?;
    for (verified, stored) in events.iter().zip(&stored) {
        let (name, key) = (&verified.event.name, &verified.event.key.id);
        tracing::info!(event.name = name, event.key = key, ?stored, "webhook stored");
    }
    Ok(stored)
}

/// Judges what is stored and was not judged before. Returns the outcome for metrics: of several, that of the last.
async fn judge(app: &AppState, stored: &[Stored]) -> &'static str {
    let mut outcome = if stored.is_empty() { PING } else { ingest::REPEATED };
    for stored in stored {
        if let Stored::Unjudged(id) = stored {
            outcome = ingest::judge(app, *id).await;
        }
    }
    outcome
}

fn too_late(_: Elapsed) -> ApiError {
    ApiError::Unavailable {
        what: "the database",
        why: anyhow::anyhow!("a webhook was not stored within {STORE_TIMEOUT:?}"),
    }
}

/// Outcome in metrics of an event that is not stored.
fn outcome_of_error(error: &ApiError) -> &'static str {
    match error {
        ApiError::BadSignature(_) => "bad_signature",
        ApiError::Unavailable { .. } => "not_stored",
        _ => "refused",
    }
}

impl From<WebhookError> for ApiError {
    fn from(error: WebhookError) -> Self {
        match error.is_unauthorized() {
            true => Self::BadSignature(error.to_string()),
            false => Self::Malformed(error.to_string()),
        }
    }
}
