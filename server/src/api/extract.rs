//! Bodies and queries of requests as typed values, with errors that name the field.

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Request, rejection::BytesRejection},
    http::{HeaderMap, StatusCode, header, request::Parts},
};
use serde::de::DeserializeOwned;

use super::error::ApiError;

/// Longest JSON body of an API call, in bytes. Nothing that we take comes near it.
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

/// What to say of a body that could not be read to its end.
pub fn body_error(error: &BytesRejection, limit: usize) -> ApiError {
    match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::TooLarge(limit),
        _ => ApiError::Malformed("the body broke off".to_owned()),
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| match error.inner().classify() {
        serde_json::error::Category::Data => ApiError::invalid(error.path().to_string(), message(error.inner())),
        _ => ApiError::Malformed(format!("the body is not JSON: {}", error.inner())),
    })?;
    json.end()
        .map_err(|error| ApiError::Malformed(format!("the body is not JSON: {error}")))?;
    Ok(value)
}

/// serde's words without the position: the field is named beside them.
fn message(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or_default().to_owned()
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
        #[expect(dead_code, reason = "only its reading is tested")]
        limit: Option<u8>,
    }

    #[test]
    fn a_value_of_the_wrong_kind_names_its_field() {
        for (body, field) in [
            (r#"{"limit": "x"}"#, "limit"),
            (r#"{"limit": 900}"#, "limit"),
            (r#"{"limti": 1}"#, "limti"),
        ] {
            let Err(ApiError::Invalid(errors)) = parse::<Body>(body.as_bytes()) else {
                panic!("{body}")
            };
            assert_eq!(errors[0].field, field, "{errors:?}");
        }
    }

    #[test]
    fn what_is_no_json_is_malformed() {
        for body in [&b""[..], b"{", b"{}}", b"\xff", b"{\"limit\": 1} x"] {
            assert!(matches!(parse::<Body>(body), Err(ApiError::Malformed(_))), "{body:?}");
        }
        let deep = format!("{{\"limit\": {}", "[".repeat(100_000));
        assert!(parse::<Body>(deep.as_bytes()).is_err());
    }
}
