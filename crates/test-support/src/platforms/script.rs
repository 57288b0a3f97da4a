//! Answers that a test wants instead of the fake's own.

use std::{sync::Mutex, time::Duration};

use axum::{
    body::Body,
    extract::{Request, State},
    http::{Response, StatusCode, header::RETRY_AFTER},
    middleware::Next,
    response::IntoResponse,
};

/// An answer instead of the fake's own.
#[derive(Clone, Debug)]
pub enum Scripted {
    /// An error, before anything is done.
    Error(StatusCode),
    /// 429 with `Retry-After` in seconds.
    TooMany { retry_after: u64 },
    /// The request is carried out and its answer is lost: the connection hangs.
    HangAfter,
    /// Nothing is done and nothing answered.
    Hang,
    /// 200 with a body that is not what is documented.
    Garbage(&'static str),
}

/// Longest hang: longer than any client's timeout.
const HANG: Duration = Duration::from_secs(120);

/// What is to be answered, in this order, to requests that begin with a method and path such as `POST /rooms`.
#[derive(Debug, Default)]
pub struct Script(Mutex<Vec<(String, Scripted)>>);

impl Script {
    pub fn add(&self, request: &str, answer: Scripted) {
        self.0
            .lock()
            .expect("no test panics here")
            .push((request.to_owned(), answer));
    }

    fn next(&self, request: &str) -> Option<Scripted> {
        let mut script = self.0.lock().expect("no test panics here");
        let at = script
            .iter()
            .position(|(begin, _)| request.starts_with(begin.as_str()))?;
        Some(script.remove(at).1)
    }
}

/// Answers from the script, or lets the fake answer.
pub async fn answer(State(script): State<std::sync::Arc<Script>>, request: Request, next: Next) -> Response<Body> {
    let scripted = script.next(&format!("{} {}", request.method(), request.uri().path()));
    match scripted {
        None => next.run(request).await,
        Some(Scripted::Error(status)) => (status, r#"{"error":"scripted"}"#).into_response(),
        Some(Scripted::Garbage(body)) => body.into_response(),
        Some(Scripted::TooMany { retry_after }) => {
            let error = r#"{"error":"rate-limit-error"}"#;
            (StatusCode::TOO_MANY_REQUESTS, [(RETRY_AFTER, retry_after)], error).into_response()
        }
        Some(Scripted::Hang) => hang().await,
        Some(Scripted::HangAfter) => {
            next.run(request).await;
            hang().await
        }
    }
}

async fn hang() -> Response<Body> {
    tokio::time::sleep(HANG).await;
    StatusCode::GATEWAY_TIMEOUT.into_response()
}
