//! Daily's rate limits: requests in a sliding window, by class.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    body::Body,
    extract::{Request, State},
    http::{Method, Response, StatusCode},
    middleware::Next,
    response::IntoResponse,
};

use super::{Shared, answer::Refusal};

/// Requests and the time in which they may be made: most, lists and deletions, starts of recordings.
const LIMITS: [(usize, Duration); 3] = [
    (100, Duration::from_secs(5)),
    (50, Duration::from_secs(30)),
    (1, Duration::from_secs(1)),
];

/// When the requests of each class were made.
#[derive(Debug, Default)]
pub struct Windows([Vec<Instant>; 3]);

impl Windows {
    fn admit(&mut self, class: usize, now: Instant) -> bool {
        let ((most, window), requests) = (LIMITS[class], &mut self.0[class]);
        requests.retain(|made| now.duration_since(*made) < window);
        requests.push(now);
        requests.len() <= most
    }
}

pub async fn check(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response<Body> {
    let class = class(request.method(), request.uri().path());
    let is_admitted = shared.state().windows.admit(class, Instant::now());
    if is_admitted {
        next.run(request).await
    } else {
        Refusal(StatusCode::TOO_MANY_REQUESTS, "rate-limit-error", String::new()).into_response()
    }
}

fn class(method: &Method, path: &str) -> usize {
    let is_list = ["/recordings", "/meetings", "/webhooks", "/rooms"].contains(&path);
    match (method, path) {
        (&Method::DELETE, _) => 1,
        (&Method::GET, _) if is_list => 1,
        (&Method::POST, path) if path.ends_with("/recordings/start") => 2,
        _ => 0,
    }
}
