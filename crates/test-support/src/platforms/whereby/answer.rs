//! Whereby's errors, and who may ask.

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

/// An error: its status and what it says.
#[derive(Debug)]
pub struct Refusal(pub StatusCode, pub String);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response<Body> {
        (self.0, Json(json!({"error": self.1}))).into_response()
    }
}

/// 400.
pub fn invalid(what: impl Into<String>) -> Refusal {
    Refusal(StatusCode::BAD_REQUEST, what.into())
}

/// 404.
pub fn not_found() -> Refusal {
    Refusal(StatusCode::NOT_FOUND, "Not found".to_owned())
}

/// 401 without the right key.
pub async fn authorize(request: Request, next: Next) -> Response<Body> {
    let header = request
        .headers()
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    match header.and_then(|header| header.strip_prefix("Bearer ")) {
        Some(API_KEY) => next.run(request).await,
        _ => Refusal(StatusCode::UNAUTHORIZED, "Unauthorized".to_owned()).into_response(),
    }
}

/// Returns one page of a list: `limit` entries from the position that `cursor` names.
///
/// # Errors
/// `limit` is not 1 to 100, or a parameter is unknown.
pub fn page(items: Vec<Value>, query: &[(String, String)], filters: &[&str]) -> Answer {
    let is_known = |name: &str| filters.contains(&name) || ["limit", "cursor", "fields", "sortBy"].contains(&name);
    if let Some((name, _)) = query.iter().find(|(name, _)| !is_known(name)) {
        return Err(invalid(format!("unknown parameter {name}")));
    }
    let limit = value(query, "limit").map_or(Ok(50), str::parse).unwrap_or_default();
    if !(1..=100).contains(&limit) {
        return Err(invalid("limit must be 1 to 100"));
    }
    let from: usize = value(query, "cursor")
        .and_then(|cursor| cursor.parse().ok())
        .unwrap_or_default();
    let next = Some(from + limit).filter(|next| *next < items.len());
    let results: Vec<Value> = items.into_iter().skip(from).take(limit).collect();
    Ok(Json(
        json!({"results": results, "cursor": next.map(|next| next.to_string())}),
    ))
}

/// Returns a field of a query.
pub fn value<'a>(query: &'a [(String, String)], name: &str) -> Option<&'a str> {
    query
        .iter()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.as_str())
}
