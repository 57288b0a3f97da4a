//! What callers are told when something does not work: the one table of error status codes.

use std::time::Duration;

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::transcript::TranscriptState;
use serde::Serialize;
use storage::StorageError;
use utoipa::ToSchema;

/// What every `type` begins with. The words after it are stable: clients compare them.
pub const TYPE_PREFIX: &str = "urn:trackscribe:problem:";

/// When to come back after a dependency was away. LiveKit waits exactly so long between its five tries.
const RETRY_UNAVAILABLE: Duration = Duration::from_secs(4);

/// When to ask again for a transcript that is being made.
const RETRY_TRANSCRIPT: Duration = Duration::from_secs(5);

pub type ApiResult<T> = Result<T, ApiError>;

/// One value that cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// Where it stood: the name of a field of the body or of the query, with dots between nested ones.
    pub field: String,
    /// What would be right.
    pub message: String,
}

#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    #[error("{0}")]
    Malformed(String),
    #[error("send a key as `Authorization: Bearer KEY`; `trackscribe key create` makes one")]
    Unauthenticated,
    #[error("{0}")]
    BadSignature(String),
    #[error("this needs a key with the scope `{0}`")]
    Forbidden(&'static str),
    #[error("there is no such {0}")]
    NotFound(&'static str),
    #[error("nothing is served at this path; /docs lists what is")]
    NoRoute,
    #[error("this path does not take that method")]
    MethodNotAllowed,
    #[error("the transcript of this meeting is not there yet")]
    TranscriptNotReady(TranscriptState),
    #[error("the audio of this recording is not there: the recording is {0}")]
    AudioNotReady(&'static str),
    #[error("{0}")]
    Conflict(String),
    #[error("none of the types that the request accepts is served here: {0}")]
    NotAcceptable(&'static str),
    #[error("the body is longer than {0} bytes")]
    TooLarge(usize),
    #[error("the body must be JSON, sent as `Content-Type: application/json`")]
    UnsupportedMediaType,
    #[error("the range lies beyond the {0} bytes of the audio")]
    BadRange(u64),
    #[error("{}", summary(.0))]
    Invalid(Vec<FieldError>),
    #[error("too many requests")]
    TooManyRequests(Duration),
    #[error("{what} cannot be reached at the moment")]
    Unavailable {
        what: &'static str,
        #[source]
        why: anyhow::Error,
    },
    #[error("something went wrong on our side; the server's log names this request's id")]
    Internal(#[source] anyhow::Error),
}

/// The body of every error (RFC 9457).
#[derive(Serialize, ToSchema)]
pub struct Problem {
    /// Stable; for programs.
    #[serde(rename = "type")]
    #[schema(example = "urn:trackscribe:problem:not-found")]
    pub kind: String,
    /// The same for every problem of this type.
    pub title: &'static str,
    pub status: u16,
    /// This problem in words; for people.
    pub detail: String,
    /// The values that cannot be taken.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// How far the thing asked for is, where that is the problem.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
}

impl ApiError {
    /// One value that cannot be taken, by the name under which the caller sent it.
    pub fn invalid(field: impl Into<String>, message: impl ToString) -> Self {
        Self::Invalid(vec![FieldError {
            field: field.into(),
            message: message.to_string(),
        }])
    }

    /// Status, stable word and title of each error.
    fn row(&self) -> (StatusCode, &'static str, &'static str) {
        use StatusCode as S;
        match self {
            Self::Malformed(_) => (S::BAD_REQUEST, "malformed", "The request cannot be read"),
            Self::Unauthenticated => (S::UNAUTHORIZED, "unauthenticated", "Who are you?"),
            Self::BadSignature(_) => (S::UNAUTHORIZED, "bad-signature", "The signature does not hold"),
            Self::Forbidden(_) => (S::FORBIDDEN, "forbidden", "The key may not do this"),
            Self::NotFound(_) => (S::NOT_FOUND, "not-found", "Not found"),
            Self::NoRoute => (S::NOT_FOUND, "no-route", "No such path"),
            Self::MethodNotAllowed => (S::METHOD_NOT_ALLOWED, "method-not-allowed", "Method not allowed"),
            Self::TranscriptNotReady(_) => (S::NOT_FOUND, "transcript-not-ready", "The transcript is not there yet"),
            Self::AudioNotReady(_) => (S::CONFLICT, "audio-not-ready", "The audio is not there"),
            Self::Conflict(_) => (S::CONFLICT, "conflict", "This contradicts what is there"),
            Self::NotAcceptable(_) => (S::NOT_ACCEPTABLE, "not-acceptable", "No acceptable representation"),
            Self::TooLarge(_) => (S::PAYLOAD_TOO_LARGE, "too-large", "The body is too large"),
            Self::UnsupportedMediaType => (
                S::UNSUPPORTED_MEDIA_TYPE,
                "unsupported-media-type",
                "The body's type cannot be read",
            ),
            Self::BadRange(_) => (S::RANGE_NOT_SATISFIABLE, "bad-range", "The range cannot be served"),
            Self::Invalid(_) => (S::UNPROCESSABLE_ENTITY, "invalid", "A value cannot be taken"),
            Self::TooManyRequests(_) => (S::TOO_MANY_REQUESTS, "too-many-requests", "Too many requests"),
            Self::Unavailable { .. } => (S::SERVICE_UNAVAILABLE, "unavailable", "Try again later"),
            Self::Internal(_) => (S::INTERNAL_SERVER_ERROR, "internal", "Something went wrong"),
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
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::TooManyRequests(wait) => Some(*wait),
            Self::Unavailable { .. } => Some(RETRY_UNAVAILABLE),
            // A failed transcript stays failed; there is nothing to wait for.
            Self::TranscriptNotReady(state) if *state != TranscriptState::Failed => Some(RETRY_TRANSCRIPT),
            _ => None,
        }
    }

    /// Errors are logged here and nowhere else: this is where they are handled.
    fn log(&self) {
        match self {
            Self::Internal(why) => tracing::error!("request failed: {why:#}"),
            Self::Unavailable { what, why } => tracing::warn!("{what} is not available: {why:#}"),
            Self::BadSignature(why) => tracing::warn!("webhook refused: {why}"),
            _ => tracing::debug!("request refused: {self}"),
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
            // Whole seconds, rounded up: a caller that heeds it is not refused again.
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
mod tests {
    use axum::body::to_bytes;
    use insta::assert_snapshot;

    use super::*;

    async fn shown(error: ApiError) -> String {
        let response = error.into_response();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        let retry = parts
            .headers
            .get(header::RETRY_AFTER)
            .map(|v| v.to_str().unwrap().to_owned());
        format!(
            "{} {:?}\n{}",
            parts.status,
            retry,
            String::from_utf8(body.to_vec()).unwrap()
        )
    }

    #[tokio::test]
    async fn a_bad_value_names_its_field() {
        let error = ApiError::invalid("recording", "use automatic or off");

        assert_snapshot!(shown(error).await, @r#"
        422 Unprocessable Entity None
        {"type":"urn:trackscribe:problem:invalid","title":"A value cannot be taken","status":422,"detail":"recording: use automatic or off","errors":[{"field":"recording","message":"use automatic or off"}]}
        "#);
    }

    #[tokio::test]
    async fn an_internal_error_keeps_its_cause_to_itself() {
        let error = ApiError::Internal(anyhow::anyhow!("password is hunter2"));

        let text = shown(error).await;

        assert!(!text.contains("hunter2"), "{text}");
    }

    #[tokio::test]
    async fn a_pending_transcript_says_when_to_ask_again_and_a_failed_one_does_not() {
        let pending = shown(ApiError::TranscriptNotReady(TranscriptState::Running)).await;
        let failed = shown(ApiError::TranscriptNotReady(TranscriptState::Failed)).await;

        assert!(
            pending.contains(r#"Some("5")"#) && pending.contains(r#""state":"running""#),
            "{pending}"
        );
        assert!(failed.starts_with("404 Not Found None"), "{failed}");
    }
}
