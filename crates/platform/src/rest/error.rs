//! Why a call of a REST API failed.

use std::time::Duration;

use domain::event::PlatformKind;
use http::StatusCode;
use serde_json::Value;
use thiserror::Error;

use crate::PlatformError;

/// Longest text of an error that is kept, in bytes.
const MAX_TEXT: usize = 300;

/// The error of an address that is not an absolute URL of a web server.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the address of a platform's API must be an http or https URL")]
pub struct InvalidUrl;

/// A failed call.
#[derive(Debug, Error)]
pub enum Failure {
    #[error("no response")]
    NoResponse(#[source] reqwest::Error),
    #[error("status {}: {}", .0.status.as_u16(), .0.text)]
    Status(Answer),
    #[error("the response has more than {0} bytes")]
    TooLong(usize),
    #[error("the response is not the documented JSON")]
    Unreadable(#[source] serde_json::Error),
    /// The platform, or our own limit for it, wants fewer requests.
    #[error("too many requests")]
    RateLimited { retry_after: Duration },
}

/// An answer that reports an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: StatusCode,
    /// The platform's name of the error; empty if it gives none.
    pub code: String,
    /// What the platform says of it, shortened. Empty for a call with secrets, which it may repeat.
    pub text: String,
}

impl Answer {
    /// Reads the body of an error: `{"error": …, "info": …}` on Daily, `{"error": …}` or `{"message": …}` on Whereby.
    pub fn read(status: StatusCode, body: &[u8]) -> Self {
        let fields: Value = serde_json::from_slice(body).unwrap_or_default();
        let field = |name: &str| fields[name].as_str().unwrap_or_default();
        let texts = [field("error"), field("info"), field("message")];
        let said: Vec<&str> = texts.into_iter().filter(|text| !text.is_empty()).collect();
        Self {
            status,
            code: shortened(field("error")),
            text: shortened(&said.join(": ")),
        }
    }

    /// Forgets what the platform said.
    pub fn without_text(self) -> Self {
        Self {
            text: String::new(),
            ..self
        }
    }
}

impl Failure {
    /// Returns the answer, if the platform answered with an error.
    pub fn answer(&self) -> Option<&Answer> {
        match self {
            Self::Status(answer) => Some(answer),
            _ => None,
        }
    }

    /// Classifies the failure by its status.
    pub fn of(self, kind: PlatformKind) -> PlatformError {
        let make = match &self {
            Self::RateLimited { retry_after } => {
                let retry_after = *retry_after;
                return PlatformError::RateLimited { kind, retry_after };
            }
            Self::NoResponse(_) => PlatformError::Unreachable,
            Self::TooLong(_) | Self::Unreadable(_) => PlatformError::UnexpectedResponse,
            Self::Status(answer) => by_status(answer),
        };
        make(kind, Box::new(self))
    }
}

type ErrorConstructor = fn(PlatformKind, Box<dyn std::error::Error + Send + Sync>) -> PlatformError;

/// Daily answers a missing or malformed key with 400.
fn by_status(answer: &Answer) -> ErrorConstructor {
    match answer.status {
        StatusCode::BAD_REQUEST if answer.code == "authorization-header-error" => PlatformError::Unauthorized,
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => PlatformError::Unauthorized,
        StatusCode::NOT_FOUND => PlatformError::NotFound,
        StatusCode::REQUEST_TIMEOUT => PlatformError::Busy,
        status if status.is_server_error() => PlatformError::Busy,
        status if status.is_client_error() => PlatformError::Refused,
        _ => PlatformError::UnexpectedResponse,
    }
}

/// Returns the beginning of a text without control characters.
fn shortened(text: &str) -> String {
    let end = text.floor_char_boundary(MAX_TEXT);
    text[..end].chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(status: u16, body: &str) -> Answer {
        Answer::read(StatusCode::from_u16(status).unwrap(), body.as_bytes())
    }

    #[test]
    fn errors_of_both_platforms_are_read_and_garbage_is_empty() {
        let daily = read(400, r#"{"error":"invalid-request-error","info":"room is\nbad"}"#);
        assert_eq!(daily.code, "invalid-request-error");
        assert_eq!(daily.text, "invalid-request-error: room isbad");
        assert_eq!(read(403, r#"{"message":"no"}"#).text, "no");
        for garbage in ["", "<html>", "[1]", r#"{"error":{"a":1}}"#, "null"] {
            assert_eq!(read(502, garbage).text, "", "{garbage}");
        }
        assert_eq!(
            read(400, &format!(r#"{{"info":"{}"}}"#, "é".repeat(400))).text.len(),
            MAX_TEXT
        );
    }

    #[test]
    fn the_status_decides_what_a_caller_can_do() {
        let classes = [
            (400, "Refused"),
            (401, "Unauthorized"),
            (403, "Unauthorized"),
            (404, "NotFound"),
            (408, "Busy"),
            (500, "Busy"),
            (503, "Busy"),
            (301, "UnexpectedResponse"),
        ];
        for (status, class) in classes {
            let error = Failure::Status(read(status, "{}")).of(PlatformKind::Daily);
            assert!(format!("{error:?}").starts_with(class), "{status}: {error:?}");
        }
        let no_key = Failure::Status(read(400, r#"{"error":"authorization-header-error"}"#)).of(PlatformKind::Daily);
        assert!(matches!(no_key, PlatformError::Unauthorized(..)));
    }
}
