use std::{collections::BTreeSet, num::NonZeroU32};

use axum::{
    body::Body,
    http::{Method, Request, StatusCode, header},
};
use insta::assert_snapshot;
use serde_json::{Value, json};
use storage::PgPool;

use crate::{
    LimitOptions, Limits,
    keys::Scope,
    support::{READ, TestApp, WRITE},
};

const SOME_ID: &str = "00000000-0000-7000-8000-000000000009";

async fn status_of(app: &TestApp, method: &Method, path: &str, key: Option<&str>) -> u16 {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::CONTENT_TYPE, "application/json");
    if let Some(key) = key {
        request = request.header(header::AUTHORIZATION, format!("Bearer {key}"));
    }
    app.send(request.body(Body::from("{}")).unwrap()).await.status.as_u16()
}

/// Returns method, path and description of every operation in the document.
async fn operations(app: &TestApp) -> Vec<(Method, String, Value)> {
    let document = app.get("/openapi.json").await.json();
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let method: Method = method.to_uppercase().parse().unwrap();
            operations.push((method, path.clone(), operation.clone()));
        }
    }
    operations
}

fn fill_placeholders(path: &str) -> String {
    path.replace("{name}", "nobody").replace("{id}", SOME_ID)
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn every_operation_checks_key_and_scope(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let mut table = String::new();

    for (method, path, _) in operations(&app)
        .await
        .iter()
        .filter(|(_, path, _)| path.starts_with("/v1/"))
    {
        let filled_path = fill_placeholders(path);
        let nobody = status_of(&app, method, &filled_path, None).await;
        let stranger = status_of(&app, method, &filled_path, Some("tsk_stranger")).await;
        let reader = status_of(&app, method, &filled_path, Some(READ)).await;
        let writer = status_of(&app, method, &filled_path, Some(WRITE)).await;
        table += &format!(
            "{:6} {path:38} {nobody} {stranger} {reader} {writer}\n",
            method.as_str()
        );
    }

    assert_snapshot!(table, @r"
    POST   /v1/livekit/webhook                    401 401 401 401
    GET    /v1/meetings                           401 401 200 200
    GET    /v1/meetings/{id}                      401 401 404 404
    GET    /v1/meetings/{id}/completeness         401 401 404 404
    GET    /v1/meetings/{id}/participants         401 401 404 404
    GET    /v1/meetings/{id}/recordings           401 401 404 404
    GET    /v1/meetings/{id}/transcript           401 401 404 404
    GET    /v1/recordings/{id}                    401 401 404 404
    GET    /v1/recordings/{id}/audio              401 401 404 404
    GET    /v1/rooms                              401 401 200 200
    POST   /v1/rooms                              401 401 403 422
    DELETE /v1/rooms/{name}                       401 401 403 404
    GET    /v1/rooms/{name}                       401 401 404 404
    PATCH  /v1/rooms/{name}                       401 401 403 404
    POST   /v1/rooms/{name}/join                  401 401 403 422
    ");
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_revoked_key_is_rejected(pool: PgPool) {
    let app = TestApp::new(pool).await;
    app.add_key("tsk_admin", Scope::Admin).await;
    let before = status_of(&app, &Method::DELETE, "/v1/rooms/nobody", Some("tsk_admin")).await;

    let mut conn = app.pool.acquire().await.unwrap();
    let keys = storage::api_keys::list(&mut conn).await.unwrap();
    let admin = keys.iter().find(|key| key.name == "tsk_admin").unwrap();
    storage::api_keys::revoke(&mut conn, admin.id, app.now()).await.unwrap();
    drop(conn);

    assert_eq!(before, 404);
    assert_eq!(
        status_of(&app, &Method::DELETE, "/v1/rooms/nobody", Some("tsk_admin")).await,
        401
    );
    assert_eq!(admin.last_used_at, Some(app.now()));
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn the_document_lists_every_route_and_every_listed_route_exists(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let operations = operations(&app).await;

    for (method, path, _) in &operations {
        let request = Request::builder()
            .method(method)
            .uri(fill_placeholders(path))
            .body(Body::empty())
            .unwrap();
        let answer = app.send(request).await;
        let is_missing = answer.text().contains(":no-route") || answer.status == StatusCode::METHOD_NOT_ALLOWED;
        assert!(!is_missing, "{method} {path}: {}", answer.text());
    }

    let listed: Vec<String> = operations
        .iter()
        .map(|(method, path, _)| format!("{method} {path}"))
        .collect();
    assert_snapshot!(listed.join("\n"), @r"
    GET /healthz
    GET /metrics
    GET /readyz
    POST /v1/livekit/webhook
    GET /v1/meetings
    GET /v1/meetings/{id}
    GET /v1/meetings/{id}/completeness
    GET /v1/meetings/{id}/participants
    GET /v1/meetings/{id}/recordings
    GET /v1/meetings/{id}/transcript
    GET /v1/recordings/{id}
    GET /v1/recordings/{id}/audio
    GET /v1/rooms
    POST /v1/rooms
    DELETE /v1/rooms/{name}
    GET /v1/rooms/{name}
    PATCH /v1/rooms/{name}
    POST /v1/rooms/{name}/join
    ");
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn every_reference_in_the_document_resolves(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let document = app.get("/openapi.json").await.json();
    let text = document.to_string();

    let marks = text.split("\"$ref\":\"#/components/schemas/").skip(1);
    let referred: BTreeSet<&str> = marks.map(|rest| rest.split('"').next().unwrap()).collect();

    let schemas = document["components"]["schemas"].as_object().unwrap();
    let missing: Vec<_> = referred.iter().filter(|name| !schemas.contains_key(**name)).collect();
    assert!(missing.is_empty() && referred.len() > 10, "{missing:?} of {referred:?}");
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn the_document_describes_every_response_and_requires_a_key(pool: PgPool) {
    let app = TestApp::new(pool).await;

    for (method, path, operation) in operations(&app).await {
        for (status, response) in operation["responses"].as_object().unwrap() {
            let is_api_error = status.starts_with(['4', '5']) && path != "/readyz";
            if let Some(content) = response["content"].as_object().filter(|_| is_api_error) {
                assert!(
                    content.contains_key("application/problem+json"),
                    "{method} {path} {status}"
                );
            }
        }
        let answers = operation["responses"].as_object().unwrap();
        assert!(
            answers
                .values()
                .all(|a| a["description"].as_str().is_some_and(|d| !d.is_empty())),
            "{method} {path}"
        );
        let takes_key = path.starts_with("/v1/") && !path.ends_with("webhook");
        assert_eq!(operation["security"].is_array(), takes_key, "{method} {path}");
    }
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn every_operation_has_a_unique_id(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let operations = operations(&app).await;

    let names: BTreeSet<&str> = operations
        .iter()
        .map(|(_, _, o)| o["operationId"].as_str().unwrap())
        .collect();

    assert_eq!(names.len(), operations.len(), "{names:?}");
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn enum_values_in_the_document_are_those_of_the_json(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let document = app.get("/openapi.json").await.json();

    let schemas = document["components"]["schemas"].as_object().unwrap();
    let values: Vec<&str> = schemas
        .values()
        .filter_map(|schema| schema["enum"].as_array())
        .flatten()
        .filter_map(Value::as_str)
        .collect();

    let is_snake_case = |value: &&str| {
        value
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    assert!(values.contains(&"automatic"), "{values:?}");
    assert!(values.iter().all(is_snake_case), "{values:?}");
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn the_documentation_page_is_served(pool: PgPool) {
    let app = TestApp::new(pool).await;

    let page = app.get("/docs/").await;

    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text().contains("swagger"), "{}", page.text());
}

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
