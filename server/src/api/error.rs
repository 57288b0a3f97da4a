//! The errors of the API and the only table of their status codes.

use std::time::Duration;

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::{event::PlatformKind, transcript::TranscriptState};
use serde::Serialize;
use storage::StorageError;
use utoipa::ToSchema;

use crate::request_id;

/// Prefix of every `type`. What follows it is stable: clients compare it.
pub const TYPE_PREFIX: &str = "urn:trackscribe:problem:";

/// `Retry-After` of [`ApiError::Unavailable`]. Equals LiveKit's pause between its five webhook attempts.
const RETRY_UNAVAILABLE: Duration = Duration::from_secs(4);

/// `Retry-After` of a transcript in progress.
const RETRY_TRANSCRIPT: Duration = Duration::from_secs(5);

/// `Retry-After` of a request that is being carried out: most take far less.
const RETRY_RUNNING: Duration = Duration::from_secs(1);

pub type ApiResult<T> = Result<T, ApiError>;

/// An invalid value in a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// Name of the field in the body or the query. Nested names are separated by dots.
    pub field: String,
    /// Why the value is invalid, or which values are allowed.
    pub message: String,
}

#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    #[error("{0}")]
    Malformed(String),
    #[error("no valid API key; send one as `Authorization: Bearer KEY`, created with `trackscribe key create`")]
    Unauthenticated,
    #[error("{0}")]
    BadSignature(String),
    #[error("the API key lacks the scope `{0}`")]
    Forbidden(&'static str),
    #[error("the participant token is damaged or has expired, or is for another room")]
    InvalidToken,
    #[error("only a host may do this")]
    NotHost,
    #[error("a host has removed this person from the meeting")]
    Removed,
    #[error("the meeting is locked; only those who were in it may join")]
    MeetingLocked,
    #[error("the meeting is over")]
    MeetingOver,
    #[error("{0}")]
    NotAllowedByPlatform(String),
    #[error("{0}")]
    Unsupported(String),
    #[error("{0} not found")]
    NotFound(&'static str),
    #[error("no endpoint at this path; /docs lists all endpoints")]
    NoRoute,
    #[error("{0} is not configured on this server")]
    PlatformNotConfigured(PlatformKind),
    #[error("this endpoint does not support the method")]
    MethodNotAllowed,
    #[error("the transcript of this meeting is not ready")]
    TranscriptNotReady(TranscriptState),
    #[error("the recording has no audio to serve: its state is {0}")]
    AudioNotReady(&'static str),
    #[error("{0}")]
    Conflict(String),
    #[error("a request with this `Idempotency-Key` is being carried out; repeat it to learn its outcome")]
    RequestRunning,
    #[error("this `Idempotency-Key` was used for a different request")]
    IdempotencyKeyReused,
    #[error("none of the accepted media types is available; available are {0}")]
    NotAcceptable(&'static str),
    #[error("the request body exceeds {0} bytes")]
    TooLarge(usize),
    #[error("the request body must be JSON with `Content-Type: application/json`")]
    UnsupportedMediaType,
    #[error("the requested range lies outside the audio, which has {0} bytes")]
    BadRange(u64),
    #[error("{}", summary(.0))]
    Invalid(Vec<FieldError>),
    #[error("rate limit exceeded; wait for the time in `Retry-After`")]
    TooManyRequests(Duration),
    #[error("{what} is temporarily unavailable")]
    Unavailable {
        what: &'static str,
        #[source]
        why: anyhow::Error,
    },
    #[error("{what} does not answer as it should")]
    BadGateway {
        what: &'static str,
        #[source]
        why: anyhow::Error,
    },
    #[error("internal error; search the server log for this `X-Request-Id`")]
    Internal(#[source] anyhow::Error),
}

/// The body of every error response (RFC 9457).
#[derive(Serialize, ToSchema)]
pub struct Problem {
    /// Stable identifier of the error type. Programs compare this field.
    #[serde(rename = "type")]
    #[schema(example = "urn:trackscribe:problem:not-found")]
    pub kind: String,
    /// Short summary, the same for every error of this type.
    pub title: &'static str,
    /// The HTTP status code.
    pub status: u16,
    /// What went wrong in this request, for people. The wording may change.
    pub detail: String,
    /// The invalid values. Present only with the type `invalid`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// State of the transcript or recording. Present only with the types `transcript-not-ready` and `audio-not-ready`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Id of the request, as in the header `X-Request-Id` and in the server's log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

impl ApiError {
    /// Returns the error for one invalid value; `field` is the name that the caller used.
    pub fn invalid(field: impl Into<String>, message: impl ToString) -> Self {
        Self::Invalid(vec![FieldError {
            field: field.into(),
            message: message.to_string(),
        }])
    }

    /// Returns the status code, the stable part of `type`, and the title.
    fn row(&self) -> (StatusCode, &'static str, &'static str) {
        use StatusCode as S;
        match self {
            Self::Malformed(_) => (S::BAD_REQUEST, "malformed", "Malformed request"),
            Self::Unauthenticated => (S::UNAUTHORIZED, "unauthenticated", "Authentication required"),
            Self::BadSignature(_) => (S::UNAUTHORIZED, "bad-signature", "Invalid webhook signature"),
            Self::Forbidden(_) => (S::FORBIDDEN, "forbidden", "Insufficient scope"),
            Self::InvalidToken => (S::UNAUTHORIZED, "invalid-token", "Invalid token"),
            Self::NotHost => (S::FORBIDDEN, "not-host", "Not a host"),
            Self::Removed => (S::FORBIDDEN, "removed", "Removed from the meeting"),
            Self::MeetingLocked => (S::FORBIDDEN, "meeting-locked", "Meeting locked"),
            Self::MeetingOver => (S::CONFLICT, "meeting-over", "Meeting over"),
            Self::NotAllowedByPlatform(_) => (S::CONFLICT, "not-allowed-by-platform", "Not allowed by the platform"),
            Self::Unsupported(_) => (S::UNPROCESSABLE_ENTITY, "unsupported", "Not supported by the platform"),
            Self::NotFound(_) => (S::NOT_FOUND, "not-found", "Not found"),
            Self::NoRoute => (S::NOT_FOUND, "no-route", "Unknown path"),
            Self::PlatformNotConfigured(_) => (S::NOT_FOUND, "platform-not-configured", "Platform not configured"),
            Self::MethodNotAllowed => (S::METHOD_NOT_ALLOWED, "method-not-allowed", "Method not allowed"),
            Self::TranscriptNotReady(_) => (S::NOT_FOUND, "transcript-not-ready", "Transcript not ready"),
            Self::AudioNotReady(_) => (S::CONFLICT, "audio-not-ready", "Audio not available"),
            Self::Conflict(_) => (S::CONFLICT, "conflict", "Conflict"),
            Self::RequestRunning => (S::CONFLICT, "request-running", "Request running"),
            Self::IdempotencyKeyReused => (
                S::UNPROCESSABLE_ENTITY,
                "idempotency-key-reused",
                "Idempotency key reused",
            ),
            Self::NotAcceptable(_) => (S::NOT_ACCEPTABLE, "not-acceptable", "Not acceptable"),
            Self::TooLarge(_) => (S::PAYLOAD_TOO_LARGE, "too-large", "Body too large"),
            Self::UnsupportedMediaType => (
                S::UNSUPPORTED_MEDIA_TYPE,
                "unsupported-media-type",
                "Unsupported media type",
            ),
            Self::BadRange(_) => (S::RANGE_NOT_SATISFIABLE, "bad-range", "Range not satisfiable"),
            Self::Invalid(_) => (S::UNPROCESSABLE_ENTITY, "invalid", "Invalid value"),
            Self::TooManyRequests(_) => (S::TOO_MANY_REQUESTS, "too-many-requests", "Too many requests"),
            Self::Unavailable { .. } => (S::SERVICE_UNAVAILABLE, "unavailable", "Temporarily unavailable"),
            Self::BadGateway { .. } => (S::BAD_GATEWAY, "bad-gateway", "Bad gateway"),
            Self::Internal(_) => (S::INTERNAL_SERVER_ERROR, "internal", "Internal error"),
        }
    }

    fn problem(&self) -> Problem {
        let (status, word, title) = self.row();
        Problem {
            kind: format!("{TYPE_PREFIX}{word}"),
            title,
            status: status.as_u16(),
            detail: self.to_string(),
            errors: if let Self::Invalid(errors) = self {
                errors.clone()
            } else {
                Vec::new()
            },
            state: match self {
                Self::TranscriptNotReady(state) => serde_json::to_value(state).ok().and_then(as_text),
                Self::AudioNotReady(state) => Some((*state).to_owned()),
                _ => None,
            },
            request_id: request_id::current(),
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::TooManyRequests(wait) => Some(*wait),
            Self::Unavailable { .. } => Some(RETRY_UNAVAILABLE),
            Self::RequestRunning => Some(RETRY_RUNNING),
            // Retrying cannot help once a transcript has failed.
            Self::TranscriptNotReady(state) if *state != TranscriptState::Failed => Some(RETRY_TRANSCRIPT),
            _ => None,
        }
    }

    /// Logs the error. Nothing else logs it: this is where it is handled.
    fn log(&self) {
        match self {
            Self::Internal(why) => tracing::error!("request failed: {why:#}"),
            Self::Unavailable { what, why } => tracing::warn!("{what} is unavailable: {why:#}"),
            Self::BadGateway { what, why } => tracing::warn!("{what} failed: {why:#}"),
            Self::BadSignature(why) => tracing::warn!("webhook rejected: {why}"),
            _ => tracing::debug!("request rejected: {self}"),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        self.log();
        let problem = self.problem();
        let status = self.row().0;
        let mut response = (status, Json(problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if let Some(wait) = self.retry_after() {
            // Whole seconds, rounded up, so that a caller that waits this long is not rejected again.
            headers.insert(
                header::RETRY_AFTER,
                HeaderValue::from(wait.as_secs_f64().ceil().max(1.0) as u64),
            );
        }
        match self {
            Self::Unauthenticated => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Self::BadRange(size) => {
                let value = HeaderValue::try_from(format!("bytes */{size}"));
                headers.insert(header::CONTENT_RANGE, value.expect("digits are a header value"));
            }
            _ => {}
        }
        response
    }
}

impl From<StorageError> for ApiError {
    fn from(error: StorageError) -> Self {
        match error.is_transient() {
            true => Self::Unavailable {
                what: "the database",
                why: error.into(),
            },
            false => Self::Internal(error.into()),
        }
    }
}

fn summary(errors: &[FieldError]) -> String {
    errors
        .iter()
        .map(|e| format!("{}: {}", e.field, e.message))
        .collect::<Vec<_>>()
        .join("; ")
}

fn as_text(value: serde_json::Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests;
