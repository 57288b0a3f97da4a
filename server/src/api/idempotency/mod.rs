//! `Idempotency-Key`: a request that is repeated with the same key gets the answer of the first one.
//!
//! Applies to every POST with an API key. Only successful answers are kept: after any other one nothing has changed, and a
//! repeat is carried out.

mod answer;
mod seal;
#[cfg(test)]
mod tests;

use axum::{
    body::{Body, Bytes},
    extract::{FromRequest, MatchedPath, Request, State},
    http::{HeaderMap, HeaderName, Method, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use chrono::TimeDelta;
use storage::idempotency::{Claim, NewAttempt};
use tracing::Instrument;
use uuid::Uuid;

use self::seal::Seal;
use super::{
    caller::{self, Authenticated},
    error::{ApiError, ApiResult},
    extract::{MAX_JSON_BYTES, body_error},
};
use crate::{
    middleware::{self, REQUEST_TIMEOUT},
    request_id,
    state::AppState,
};

/// Name of the request header (draft-ietf-httpapi-idempotency-key-header).
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Response header of a repeated answer.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// Longest key. Usual ones are UUIDs.
const MAX_KEY_LEN: usize = 255;

/// After this time, an attempt without an answer was lost together with its server.
const LOST_AFTER: TimeDelta = TimeDelta::seconds(60);

const _: () = assert!(LOST_AFTER.num_seconds() > 30 && REQUEST_TIMEOUT.as_secs() <= 30);

/// Middleware: carries out a request with an idempotency key once.
pub async fn once(State(app): State<AppState>, request: Request, next: Next) -> ApiResult<Response> {
    if request.method() != Method::POST {
        return Ok(next.run(request).await);
    }
    let key = key_of(request.headers())?;
    // Without an API key there is nobody whose request this could be; the handler decides whether that is allowed.
    let Some((key, caller)) = key.zip(caller::bearer(request.headers())) else {
        return Ok(next.run(request).await);
    };
    let api_key = caller::authenticate(request.headers(), &app).await?;
    let (mut parts, body) = read(request).await?;
    let seal = Seal::new(&caller);
    let (id, now) = ((app.ids)(), (app.clock)());
    let attempt = NewAttempt {
        id,
        api_key: api_key.id,
        route: &route_of(&parts),
        key_hash: &seal.digest("key", &[key.as_bytes()]),
        request_hash: &seal.digest("request", &[parts.uri.to_string().as_bytes(), &body]),
        now,
        locked_until: now + LOST_AFTER,
    };
    let claim = storage::idempotency::claim(&mut *app.conn().await?, &attempt).await?;
    match claim {
        Claim::Claimed => {
            parts.extensions.insert(Authenticated(api_key));
            let request = Request::from_parts(parts, Body::from(body));
            Ok(carry_out(app, id, seal, request, next).await)
        }
        Claim::Running => Err(ApiError::RequestRunning),
        Claim::OtherRequest => Err(ApiError::IdempotencyKeyReused),
        Claim::Answered { id, answer } => replay(&seal, id, answer),
    }
}

/// Carries the request out in a task of its own: a caller that goes away does not end it, and learns its outcome by
/// repeating it.
async fn carry_out(app: AppState, id: Uuid, seal: Seal, request: Request, next: Next) -> Response {
    let tasks = app.tasks.clone();
    let work = async move {
        match tokio::time::timeout(REQUEST_TIMEOUT, next.run(request)).await {
            Ok(response) => keep(&app, id, &seal, response).await,
            // It may have changed something all the same, so the key stays taken for a while.
            Err(_) => middleware::too_late(),
        }
    };
    let work = request_id::within(request_id::current().unwrap_or_default(), work);
    match tasks.spawn(work.in_current_span()).await {
        Ok(response) => response,
        Err(failed) => match failed.try_into_panic() {
            Ok(panic) => middleware::on_panic(panic),
            Err(stopped) => ApiError::Internal(stopped.into()).into_response(),
        },
    }
}

/// Stores a successful answer, or frees the key. A failure to do so is logged: the answer is right without it.
async fn keep(app: &AppState, id: Uuid, seal: &Seal, response: Response) -> Response {
    let (stored, response) = match answer::read(response).await {
        (Some(answer), response) => (finish(app, id, &seal.close(id, answer)).await, response),
        (None, response) => (release(app, id).await, response),
    };
    if let Err(error) = stored {
        tracing::warn!(
            "the answer for an idempotency key was not stored: {:#}",
            anyhow::Error::from(error)
        );
    }
    response
}

async fn finish(app: &AppState, id: Uuid, answer: &[u8]) -> Result<(), storage::StorageError> {
    storage::idempotency::finish(&mut *app.conn().await?, id, answer).await
}

async fn release(app: &AppState, id: Uuid) -> Result<(), storage::StorageError> {
    storage::idempotency::release(&mut *app.conn().await?, id).await
}

fn replay(seal: &Seal, id: Uuid, sealed: Vec<u8>) -> ApiResult<Response> {
    let unreadable = || ApiError::Internal(anyhow::anyhow!("the stored answer of an idempotency key is damaged"));
    let opened = seal.open(id, sealed).ok_or_else(unreadable)?;
    let mut response = answer::write(&opened).ok_or_else(unreadable)?;
    response
        .headers_mut()
        .insert(REPLAYED, axum::http::HeaderValue::from_static("true"));
    Ok(response)
}

/// Reads the whole body, whose length is limited as for handlers.
async fn read(request: Request) -> ApiResult<(Parts, Bytes)> {
    let (parts, body) = request.into_parts();
    let body = Bytes::from_request(Request::from_parts(parts.clone(), body), &())
        .await
        .map_err(|error| body_error(&error, MAX_JSON_BYTES))?;
    Ok((parts, body))
}

fn route_of(parts: &Parts) -> String {
    let path = parts.extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str);
    format!("{} {path}", parts.method)
}

/// Returns the key of a request. The draft's form is a quoted string; many clients send it without quotes.
fn key_of(headers: &HeaderMap) -> ApiResult<Option<String>> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let invalid = || {
        let message = format!("must be one value of 1 to {MAX_KEY_LEN} printable ASCII characters, such as a UUID");
        ApiError::invalid("Idempotency-Key", message)
    };
    let text = value.to_str().map_err(|_| invalid())?.trim();
    let unquoted = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let key = unquoted.unwrap_or(text);
    let is_valid = (1..=MAX_KEY_LEN).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic() && b != b'"');
    match is_valid && values.next().is_none() {
        true => Ok(Some(key.to_owned())),
        false => Err(invalid()),
    }
}
