//! Verifies a webhook and responds once it is stored.

use std::time::Duration;

use axum::{
    body::Bytes,
    extract::{FromRequest, Request, State},
    http::{HeaderMap, StatusCode},
};
use domain::event::PlatformKind;
use platform::{VerifiedEvent, WebhookError};

use super::ingest::ingest;
use crate::{
    api::{
        error::{ApiError, ApiResult, Problem},
        extract::body_error,
    },
    state::AppState,
};

/// Longest accepted body, in bytes. LiveKit's bodies are shorter than 64 KiB.
pub const MAX_BODY_BYTES: usize = 1024 * 1024;

/// Time limit for a response. LiveKit has no timeout of its own, so a webhook without response blocks all later ones.
const WEBHOOK_TIMEOUT: Duration = Duration::from_secs(3);

/// Receive a LiveKit webhook
///
/// For LiveKit only: set the URL of this endpoint under `webhook.urls` in `livekit.yaml`. The request is authenticated by
/// LiveKit's signature in `Authorization`, not by an API key.
///
/// Returns 200 once the event and its effects are committed. Repeated events, unknown events and events of rooms that
/// Trackscribe does not manage also return 200 and change nothing. LiveKit retries after 503 and drops the event after
/// 401.
#[utoipa::path(
    post, path = "/v1/livekit/webhook", operation_id = "receive_livekit_webhook", tag = "webhooks",
    request_body(content_type = "application/webhook+json", content = serde_json::Value),
    responses(
        (status = 200, description = "The event is stored, or was stored before"),
        (status = 400, body = Problem, description = "`malformed`: the signature is valid, but the body is not an event"),
        (status = 401, body = Problem, description = "`bad-signature`: the signature is missing, invalid or expired"),
        (status = 413, body = Problem, description = "`too-large`: the body exceeds 1 MiB"),
        (status = 503, body = Problem, description = "`unavailable`: the event cannot be stored now; retry after `Retry-After` seconds"),
    ),
)]
pub async fn livekit(State(app): State<AppState>, request: Request) -> ApiResult<StatusCode> {
    receive(&app, PlatformKind::Livekit, request).await
}

async fn receive(app: &AppState, platform: PlatformKind, request: Request) -> ApiResult<StatusCode> {
    let work = async {
        let headers = request.headers().clone();
        let body = Bytes::from_request(request, app)
            .await
            .map_err(|error| body_error(&error, MAX_BODY_BYTES))?;
        let verified = verify(app, platform, &headers, &body)?;
        Ok(ingest(app, &verified).await?)
    };
    let late = |_| ApiError::Unavailable {
        what: "the database",
        why: anyhow::anyhow!("a webhook was not stored within {} s", WEBHOOK_TIMEOUT.as_secs()),
    };
    let result = tokio::time::timeout(WEBHOOK_TIMEOUT, work)
        .await
        .map_err(late)
        .flatten();
    record_outcome(platform, &result);
    result.map(|_| StatusCode::OK)
}

fn verify(app: &AppState, platform: PlatformKind, headers: &HeaderMap, body: &Bytes) -> ApiResult<VerifiedEvent> {
    let adapter = app.platforms.get(platform).ok_or(ApiError::NoRoute)?;
    adapter.event(headers, body, (app.clock)()).map_err(ApiError::from)
}

fn record_outcome(platform: PlatformKind, result: &ApiResult<&'static str>) {
    let outcome = match result {
        Ok(outcome) => *outcome,
        Err(ApiError::BadSignature(_)) => "bad_signature",
        Err(ApiError::Unavailable { .. }) => "not_stored",
        Err(_) => "refused",
    };
    metrics::counter!("trackscribe_webhooks_total", "platform" => platform.as_str(), "outcome" => outcome).increment(1);
}

impl From<WebhookError> for ApiError {
    fn from(error: WebhookError) -> Self {
        match error.is_unauthorized() {
            true => Self::BadSignature(error.to_string()),
            false => Self::Malformed(error.to_string()),
        }
    }
}
