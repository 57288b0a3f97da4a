//! Unknown paths, request ids, origins and rates.

use std::num::NonZeroU32;

use axum::http::{Method, StatusCode};
use serde_json::json;
use storage::PgPool;

use crate::{
    LimitOptions, Limits,
    keys::Scope,
    support::{READ, TestApp},
};

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn unknown_paths_and_methods_are_problems(pool: PgPool) {
    let app = TestApp::new(pool).await;

    let nowhere = app.get("/v1/nowhere").await;
    let wrong = app.request(Method::PUT, "/v1/rooms", &[]).await;

    assert_eq!((nowhere.status.as_u16(), nowhere.problem().as_str()), (404, "no-route"));
    assert_eq!(
        (wrong.status.as_u16(), wrong.problem().as_str()),
        (405, "method-not-allowed")
    );
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_request_keeps_the_callers_request_id(pool: PgPool) {
    let app = TestApp::new(pool).await;

    let named = app
        .request(Method::GET, "/healthz", &[("x-request-id", "from-afar")])
        .await;
    let unnamed = app
        .request(Method::GET, "/healthz", &[("x-request-id", "no \"good\"")])
        .await;

    assert_eq!(named.header("x-request-id"), Some("from-afar"));
    assert_eq!(unnamed.header("x-request-id").map(str::len), Some(36));
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn responses_allow_no_other_origin(pool: PgPool) {
    let app = TestApp::new(pool).await;

    let answer = app
        .request(Method::GET, "/v1/rooms", &[("origin", "https://elsewhere.test")])
        .await;

    assert_eq!(answer.header("access-control-allow-origin"), None);
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_caller_beyond_its_rate_gets_429_and_retry_after(pool: PgPool) {
    let app = TestApp::build(pool, |state| {
        let few = LimitOptions {
            per_key: NonZeroU32::MIN,
            per_address: NonZeroU32::MIN,
            trusted_proxies: Vec::new(),
        };
        state.limits = Limits::new(&few);
    });
    app.add_key(READ, Scope::Read).await;

    let mut answers = Vec::new();
    for _ in 0..5 {
        answers.push(app.get("/v1/rooms").await);
    }

    let statuses: Vec<u16> = answers.iter().map(|a| a.status.as_u16()).collect();
    assert_eq!(statuses, [200, 200, 200, 200, 429]);
    assert_eq!(answers[4].header("retry-after"), Some("1"));
    assert_eq!(app.webhook(&json!({})).await.status, StatusCode::OK);
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn head_answers_like_get_without_the_body(pool: PgPool) {
    let app = TestApp::new(pool).await;
    app.create_room("standup").await;

    for path in ["/v1/rooms", "/v1/rooms/standup", "/v1/rooms/nobody", "/healthz"] {
        let get = app.get(path).await;
        let head = app.request(Method::HEAD, path, &[]).await;

        assert_eq!(head.status, get.status, "{path}");
        assert!(head.body.is_empty() && !get.body.is_empty(), "{path}");
        assert_eq!(head.header("content-type"), get.header("content-type"), "{path}");
        let length = get.body.len().to_string();
        assert_eq!(head.header("content-length"), Some(length.as_str()), "{path}");
    }
}
