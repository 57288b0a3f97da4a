//! Unknown paths, request ids, origins and rates.

use std::num::NonZeroU32;

use axum::{
    body::Body,
    http::{Method, Request, StatusCode, header},
};
use serde_json::json;
use storage::PgPool;

use super::path_of;
use crate::{
    LimitOptions, Limits,
    keys::Scope,
    support::{Operation, READ, TestApp},
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

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn an_unknown_query_parameter_is_refused_by_name_on_every_route(pool: PgPool) {
    let app = TestApp::new(pool).await;

    for operation in app.operations().iter().filter(|o| o.scope().is_some()) {
        let path = format!("{}?no%20such=1&limit%00=1", path_of(operation));
        let answer = app.request(operation.method.clone(), &path, &[]).await;

        let name = format!("{} {path}", operation.method);
        assert_eq!(answer.problem(), "invalid", "{name}");
        let errors = answer.json()["errors"].clone();
        let fields = errors.as_array().unwrap().iter().map(|e| e["field"].as_str().unwrap());
        assert_eq!(fields.collect::<Vec<_>>(), ["limit\0", "no such"], "{name}");
    }
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn thousands_of_unknown_parameters_give_a_short_error(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let query: String = (0..5_000).map(|n| format!("x{n}=&")).collect();

    let answer = app.get(&format!("/v1/rooms?{query}")).await;
    let repeated = app.get("/v1/rooms?limit=1&limit=2").await;

    assert_eq!(answer.problem(), "invalid");
    assert!(answer.body.len() < 4096, "{}", answer.body.len());
    assert_eq!(repeated.problem(), "invalid");
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn an_unknown_field_is_refused_by_name_on_every_route(pool: PgPool) {
    let app = TestApp::new(pool).await;
    app.add_key("tsk_all", Scope::Admin).await;
    // Platforms add fields to their webhooks as they like, and these have no scope.
    let has_json =
        |o: &&Operation| o.scope().is_some() && o.value["requestBody"]["content"]["application/json"].is_object();

    for operation in app.operations().iter().filter(has_json) {
        let request = Request::builder()
            .method(&operation.method)
            .uri(path_of(operation))
            .header(header::AUTHORIZATION, "Bearer tsk_all")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(r#"{"no_such_field": 1}"#));
        let answer = app.send(request.unwrap()).await;

        let name = format!("{} {}", operation.method, operation.path);
        assert_eq!(answer.problem(), "invalid", "{name}: {}", answer.text());
        assert_eq!(answer.json()["errors"][0]["field"], "no_such_field", "{name}");
    }
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn every_error_contains_the_id_of_its_request(pool: PgPool) {
    let app = TestApp::new(pool).await;

    for path in ["/v1/nowhere", "/v1/rooms/nobody", "/v1/rooms?limit=x", "/v1/rooms?x=1"] {
        let answer = app.request(Method::GET, path, &[("x-request-id", "from-afar")]).await;
        let unnamed = app.get(path).await;

        assert_eq!(answer.json()["request_id"], "from-afar", "{path}");
        assert_eq!(
            unnamed.json()["request_id"].as_str(),
            unnamed.header("x-request-id"),
            "{path}"
        );
    }
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn what_was_created_is_found_at_its_location(pool: PgPool) {
    let app = TestApp::new(pool).await;

    let room = app
        .send_json(Method::POST, "/v1/rooms", &json!({"name": "standup"}))
        .await;
    let token = app.join("standup", &json!({"display_name": "Ada"})).await;

    for created in [room, token] {
        let found = app.get(created.header("location").unwrap()).await;
        assert_eq!((created.status.as_u16(), found.status.as_u16()), (201, 200));
    }
}
