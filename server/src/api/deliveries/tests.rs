use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::support::TestApp;

/// Creates an endpoint and makes `count` events happen.
async fn deliveries(app: &TestApp, count: i32) -> String {
    let body = json!({"url": "https://example.com/hook"});
    let endpoint = app.send_json(Method::POST, "/v1/endpoints", &body).await.json();
    sqlx::query("INSERT INTO feed (id, type, data) SELECT gen_random_uuid(), 'meeting.opened', '{}' FROM generate_series(1, $1)")
        .bind(count)
        .execute(&app.pool)
        .await
        .unwrap();
    storage::feed::publish(&app.pool).await.unwrap();
    endpoint["id"].as_str().unwrap().to_owned()
}

async fn list(app: &TestApp, query: &str) -> Vec<Value> {
    let answer = app.get(&format!("/v1/deliveries{query}")).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    answer.json()["items"].as_array().unwrap().clone()
}

async fn fail_all(app: &TestApp) {
    sqlx::query("UPDATE deliveries SET state = 'failed', attempts = 12, error = 'no answer', finished_at = now()")
        .execute(&app.pool)
        .await
        .unwrap();
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn the_ledger_is_filtered_and_paginated(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let endpoint = deliveries(&app, 3).await;

    let page = app.get("/v1/deliveries?limit=2").await.json();
    let next = page["next"].as_str().unwrap();
    let rest = list(&app, &format!("?cursor={next}")).await;

    assert_eq!((page["items"].as_array().unwrap().len(), rest.len()), (2, 1));
    assert_eq!(
        list(&app, &format!("?endpoint={endpoint}&state=waiting")).await.len(),
        3
    );
    assert_eq!(list(&app, "?state=failed").await, Vec::<Value>::new());
    assert_eq!(
        list(&app, "?endpoint=00000000-0000-0000-0000-000000000001").await,
        Vec::<Value>::new()
    );
    let one = app
        .get(&format!("/v1/deliveries/{}", rest[0]["id"].as_str().unwrap()))
        .await
        .json();
    assert_eq!(one, rest[0]);
    assert_eq!(
        (&one["event_type"], &one["attempts"], &one["status"]),
        (&json!("meeting.opened"), &json!(0), &Value::Null)
    );
    assert!(one["next_attempt_at"].is_string());
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn failed_deliveries_are_replayed_unless_the_endpoint_is_disabled(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let endpoint = deliveries(&app, 3).await;
    fail_all(&app).await;
    let one = list(&app, "").await[0]["id"].as_str().unwrap().to_owned();
    let replay_one = format!("/v1/deliveries/{one}/replay");
    let (replay_all, since) = (
        format!("/v1/endpoints/{endpoint}/replay"),
        json!({"since": "2020-01-01T00:00:00Z"}),
    );

    let first = app.send_json(Method::POST, &replay_one, &json!({})).await;
    let again = app.send_json(Method::POST, &replay_one, &json!({})).await;
    let rest = app.send_json(Method::POST, &replay_all, &since).await;
    fail_all(&app).await;
    app.send_json(
        Method::PATCH,
        &format!("/v1/endpoints/{endpoint}"),
        &json!({"enabled": false}),
    )
    .await;
    let disabled = app.send_json(Method::POST, &replay_all, &since).await;
    let disabled_one = app.send_json(Method::POST, &replay_one, &json!({})).await;

    assert_eq!(
        (first.status, &first.json()["state"]),
        (StatusCode::ACCEPTED, &json!("waiting"))
    );
    assert_eq!(
        (rest.status, rest.json()),
        (StatusCode::ACCEPTED, json!({"replayed": 2}))
    );
    for refused in [again, disabled, disabled_one] {
        assert_eq!(refused.problem(), "conflict");
    }
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn an_unknown_delivery_is_not_found(pool: PgPool) {
    let app = TestApp::new(pool).await;

    for path in [
        "/v1/deliveries/x",
        "/v1/deliveries/00000000-0000-0000-0000-000000000001",
    ] {
        assert_eq!(app.get(path).await.problem(), "not-found");
    }
}
