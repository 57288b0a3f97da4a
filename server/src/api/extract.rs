//! Extractors for JSON bodies and query strings whose errors name the invalid field.

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Request, rejection::BytesRejection},
    http::{HeaderMap, StatusCode, header, request::Parts},
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::error::ApiError;

/// Longest JSON body of an API request, in bytes. Valid bodies are far shorter.
pub const MAX_JSON_BYTES: usize = 64 * 1024;

/// A JSON body.
pub struct ApiJson<T>(pub T);

/// The query string.
pub struct ApiQuery<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for ApiJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        if !is_json(request.headers()) {
            return Err(ApiError::UnsupportedMediaType);
        }
        let body = Bytes::from_request(request, state)
            .await
            .map_err(|error| body_error(&error, MAX_JSON_BYTES))?;
        parse(&body).map(Self)
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for ApiQuery<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let query = url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
        serde_path_to_error::deserialize(serde_urlencoded::Deserializer::new(query))
            .map(Self)
            .map_err(|error| ApiError::invalid(error.path().to_string(), error.inner()))
    }
}

/// Returns the error for a body that could not be read completely.
pub fn body_error(error: &BytesRejection, limit: usize) -> ApiError {
    match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::TooLarge(limit),
        _ => ApiError::Malformed("the request body ended early".to_owned()),
    }
}

/// Parses the syntax first and the fields second, so that only syntax errors lack a field name.
fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    let json: Value = serde_json::from_slice(body)
        .map_err(|error| ApiError::Malformed(format!("the request body is not valid JSON: {error}")))?;
    serde_path_to_error::deserialize(json).map_err(|error| {
        let message = error.inner().to_string();
        ApiError::invalid(field_name(&error.path().to_string(), &message), message)
    })
}

/// Returns the name of the field that an error is about. serde reports a missing field at its parent's path.
fn field_name(path: &str, message: &str) -> String {
    let missing = message
        .strip_prefix("missing field `")
        .and_then(|rest| rest.split('`').next());
    match (path, missing) {
        (".", Some(missing)) => missing.to_owned(),
        (".", None) => "body".to_owned(),
        (path, Some(missing)) => format!("{path}.{missing}"),
        (path, None) => path.to_owned(),
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default();
    let essence = content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        #[expect(dead_code, reason = "only parsing is tested")]
        limit: Option<u8>,
        #[expect(dead_code, reason = "only parsing is tested")]
        name: String,
    }

    #[test]
    fn a_value_of_the_wrong_type_is_reported_with_its_field() {
        for (body, field) in [
            (r#"{"name": "", "limit": "x"}"#, "limit"),
            (r#"{"name": "", "limit": 900}"#, "limit"),
            (r#"{"name": "", "limti": 1}"#, "limti"),
            (r#"{"limit": 1}"#, "name"),
            (r#"[7]"#, "body"),
            (r#"null"#, "body"),
        ] {
            let Err(ApiError::Invalid(errors)) = parse::<Body>(body.as_bytes()) else {
                panic!("{body}")
            };
            assert_eq!(errors[0].field, field, "{errors:?}");
        }
    }

    #[test]
    fn invalid_json_is_malformed() {
        for body in [&b""[..], b"{", b"{}}", b"\xff", b"{\"limit\": 1} x"] {
            assert!(matches!(parse::<Body>(body), Err(ApiError::Malformed(_))), "{body:?}");
        }
        let deep = format!("{{\"limit\": {}", "[".repeat(100_000));
        assert!(parse::<Body>(deep.as_bytes()).is_err());
    }
}
