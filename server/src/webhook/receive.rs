//! Verifies a webhook and responds once it is stored.

use std::time::Duration;

use axum::{
    body::Bytes,
    extract::{FromRequest, Request, State},
    http::{HeaderMap, StatusCode},
};
use domain::event::PlatformKind;
use platform::{VerifiedEvent, WebhookError};
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

/// Longest accepted body, in bytes. LiveKit's bodies are shorter than 64 KiB.
pub const MAX_BODY_BYTES: usize = 1024 * 1024;

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
        (status = 413, body = Problem, description = "`too-large`: the body exceeds 1 MiB"),
        (status = 503, body = Problem, description = "`unavailable`: the event cannot be stored now; retry after `Retry-After` seconds"),
    ),
)]
pub async fn livekit(State(app): State<AppState>, request: Request) -> ApiResult<StatusCode> {
    receive(&app, PlatformKind::Livekit, request).await
}

async fn receive(app: &AppState, platform: PlatformKind, request: Request) -> ApiResult<StatusCode> {
    let received = Instant::now();
    let stored = timeout_at(received + STORE_TIMEOUT, store_request(app, platform, request))
        .await
        .map_err(too_late)
        .flatten();
    let outcome = match &stored {
        Err(error) => outcome_of_error(error),
        Ok(Stored::Judged) => ingest::REPEATED,
        Ok(Stored::Unjudged(id)) => timeout_at(received + JUDGE_TIMEOUT, ingest::judge(app, *id))
            .await
            .unwrap_or(LATE),
    };
    metrics::counter!("trackscribe_webhooks_total", "platform" => platform.as_str(), "outcome" => outcome).increment(1);
    stored.map(|_| StatusCode::OK)
}

async fn store_request(app: &AppState, platform: PlatformKind, request: Request) -> ApiResult<Stored> {
    let headers = request.headers().clone();
    let body = Bytes::from_request(request, app)
        .await
        .map_err(|error| body_error(&error, MAX_BODY_BYTES))?;
    let verified = verify(app, platform, &headers, &body)?;
    let stored = ingest::store(app, &verified).await?;
    tracing::info!(
        event.name = verified.event.name,
        event.key = verified.event.key.id,
        ?stored,
        "webhook stored"
    );
    Ok(stored)
}

fn too_late(_: Elapsed) -> ApiError {
    ApiError::Unavailable {
        what: "the database",
        why: anyhow::anyhow!("a webhook was not stored within {STORE_TIMEOUT:?}"),
    }
}

fn verify(app: &AppState, platform: PlatformKind, headers: &HeaderMap, body: &Bytes) -> ApiResult<VerifiedEvent> {
    let adapter = app.platforms.get(platform).ok_or(ApiError::NoRoute)?;
    adapter.event(headers, body, (app.clock)()).map_err(ApiError::from)
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
