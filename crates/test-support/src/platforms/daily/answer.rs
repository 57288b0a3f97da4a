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

/// Returns one page of a list: `limit` entries after the one whose id is `starting_after`.
///
/// # Errors
/// `limit` is not 1 to 100, a parameter is unknown, or no entry has the id.
pub fn page(items: Vec<Value>, query: &[(String, String)], filters: &[&str]) -> Answer {
    let is_known = |name: &str| filters.contains(&name) || ["limit", "starting_after", "ending_before"].contains(&name);
    if let Some((name, _)) = query.iter().find(|(name, _)| !is_known(name)) {
        return Err(invalid(format!("unknown parameter '{name}'")));
    }
    let limit = value(query, "limit").map_or(Ok(100), str::parse).unwrap_or_default();
    if !(1..=100).contains(&limit) {
        return Err(invalid("limit is not 1 to 100"));
    }
    let after = value(query, "starting_after");
    let begin = after
        .map(|id| items.iter().position(|item| item["id"] == id).ok_or_else(not_found))
        .transpose()?;
    let total = items.len();
    let data: Vec<Value> = items
        .into_iter()
        .skip(begin.map_or(0, |at| at + 1))
        .take(limit)
        .collect();
    Ok(Json(json!({"total_count": total, "data": data})))
}

/// Returns a field of a query.
pub fn value<'a>(query: &'a [(String, String)], name: &str) -> Option<&'a str> {
    query
        .iter()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.as_str())
}
