//! Which requests a fake was sent.

use std::sync::{Arc, Mutex};

use axum::{
    body::Body,
    extract::{Request, State},
    http::Response,
    middleware::Next,
};

/// Method and path of each request, in order. Never a body: it may hold secrets.
#[derive(Clone, Debug, Default)]
pub struct RequestLog(Arc<Mutex<Vec<String>>>);

impl RequestLog {
    /// Returns how many requests began with a method and path such as `POST /rooms`.
    pub fn count(&self, begin: &str) -> usize {
        let log = self.0.lock().expect("no test panics here");
        log.iter().filter(|request| request.starts_with(begin)).count()
    }
}

pub async fn note(State(log): State<RequestLog>, request: Request, next: Next) -> Response<Body> {
    let line = format!("{} {}", request.method(), request.uri().path());
    log.0.lock().expect("no test panics here").push(line);
    next.run(request).await
}
