//! Daily's errors, and who may ask.

use axum::{
    Json,
    body::Body,
    extract::Request,
    http::{Response, StatusCode, header::AUTHORIZATION},
    middleware::Next,
    response::IntoResponse,
};
use serde_json::{Value, json};

use super::API_KEY;

/// What a handler returns.
pub type Answer = Result<Json<Value>, Refusal>;

/// An error: its status, name and detail.
#[derive(Debug)]
pub struct Refusal(pub StatusCode, pub &'static str, pub String);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response<Body> {
        (self.0, Json(json!({"error": self.1, "info": self.2}))).into_response()
    }
}

/// 400, with the detail where Daily puts it.
pub fn invalid(info: impl Into<String>) -> Refusal {
    Refusal(StatusCode::BAD_REQUEST, "invalid-request-error", info.into())
}

/// 404.
pub fn not_found() -> Refusal {
    Refusal(StatusCode::NOT_FOUND, "not-found", String::new())
}

/// Daily answers a missing or malformed header with 400, and a wrong key with 401.
pub async fn authorize(request: Request, next: Next) -> Response<Body> {
    let header = request
        .headers()
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    match header.and_then(|header| header.strip_prefix("Bearer ")) {
        Some(API_KEY) => next.run(request).await,
        Some(_) => Refusal(StatusCode::UNAUTHORIZED, "authentication-error", String::new()).into_response(),
        None => Refusal(StatusCode::BAD_REQUEST, "authorization-header-error", String::new()).into_response(),
    }
}
