use axum::http::{Method, StatusCode};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use sqlx::PgPool;

use crate::support::TestApp;

const URL: &str = "https://example.com/hook";

async fn create(app: &TestApp, body: Value) -> Value {
    let answer = app.send_json(Method::POST, "/v1/endpoints", &body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    let location = answer.header("location").unwrap().to_owned();
    assert_eq!(
        location,
        format!("/v1/endpoints/{}", answer.json()["id"].as_str().unwrap())
    );
    answer.json()
}

async fn update(app: &TestApp, endpoint: &Value, body: Value) -> Value {
    let answer = app.send_json(Method::PATCH, &path(endpoint, ""), &body).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    answer.json()
}

fn path(endpoint: &Value, rest: &str) -> String {
    format!("/v1/endpoints/{}{rest}", endpoint["id"].as_str().unwrap())
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_key_is_shown_once_and_never_again(pool: PgPool) {
    let app = TestApp::new(pool).await;

    let created = create(&app, json!({"url": URL})).await;
    let rotated = app
        .send_json(Method::POST, &path(&created, "/secret"), &json!({}))
        .await
        .json();

    let (first, second) = (created["secret"].as_str().unwrap(), rotated["secret"].as_str().unwrap());
    for secret in [first, second] {
        let bytes = BASE64_STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
        assert_eq!(bytes.len(), 32);
    }
    assert_ne!(first, second);
    for shown in [app.get("/v1/endpoints").await, app.get(&path(&created, "")).await] {
        assert!(
            shown.status.is_success() && !shown.text().contains("whsec_"),
            "{}",
            shown.text()
        );
    }
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn settings_are_changed_one_by_one_and_null_means_all_rooms(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let types = ["transcript.ready", "meeting.closed", "meeting.closed"];
    let created = create(
        &app,
        json!({"url": URL, "event_types": types, "room": "standup", "description": "CRM"}),
    )
    .await;

    let unchanged = update(&app, &created, json!({})).await;
    let all_rooms = update(&app, &created, json!({"room": null, "url": "https://EXAMPLE.org"})).await;
    let disabled = update(&app, &created, json!({"enabled": false})).await;
    let enabled = update(&app, &created, json!({"enabled": true})).await;

    assert_eq!(unchanged["event_types"], json!(["meeting.closed", "transcript.ready"]));
    assert_eq!(
        (&unchanged["room"], &unchanged["description"]),
        (&json!("standup"), &json!("CRM"))
    );
    assert_eq!(
        (&all_rooms["room"], &all_rooms["url"]),
        (&Value::Null, &json!("https://example.org/"))
    );
    assert_eq!(
        (&disabled["enabled"], &disabled["disabled_reason"]),
        (&json!(false), &json!("requested"))
    );
    assert_eq!(
        (&enabled["enabled"], &enabled["disabled_reason"]),
        (&json!(true), &Value::Null)
    );
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn invalid_settings_are_named(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let created = create(&app, json!({"url": URL})).await;
    let long = "x".repeat(501);

    for (body, field) in [
        (json!({"url": "http://example.com/"}), "url"),
        (json!({"url": "https://127.0.0.1/"}), "url"),
        (json!({"url": "https://[::ffff:10.0.0.1]/"}), "url"),
        (json!({"url": "https://user:pass@example.com/"}), "url"),
        (json!({"url": URL, "event_types": ["meeting.exploded"]}), "event_types"),
        (json!({"url": URL, "room": "No Name"}), "room"),
        (json!({"url": URL, "description": long}), "description"),
        (json!({"url": URL, "description": "nul\u{0}"}), "description"),
        (json!({"url": URL, "secret": "whsec_mine"}), "secret"),
    ] {
        for (method, path) in [
            (Method::POST, "/v1/endpoints".to_owned()),
            (Method::PATCH, path(&created, "")),
        ] {
            let answer = app.send_json(method, &path, &body).await;
            assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
            assert_eq!(answer.json()["errors"][0]["field"], field, "{}", answer.text());
        }
    }
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn the_number_of_endpoints_is_bounded(pool: PgPool) {
    let app = TestApp::new(pool).await;
    for _ in 0..50 {
        create(&app, json!({"url": URL})).await;
    }

    let refused = app.send_json(Method::POST, "/v1/endpoints", &json!({"url": URL})).await;
    let page = app.get("/v1/endpoints?limit=20").await.json();
    let next = page["next"].as_str().unwrap();
    let rest = app.get(&format!("/v1/endpoints?limit=200&cursor={next}")).await.json();

    assert_eq!(
        (refused.status, refused.problem().as_str()),
        (StatusCode::CONFLICT, "conflict")
    );
    assert_eq!(rest["items"].as_array().unwrap().len(), 30);
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_test_is_a_delivery_to_the_endpoint_also_if_it_is_disabled(pool: PgPool) {
    let app = TestApp::new(pool.clone()).await;
    let created = create(&app, json!({"url": URL, "event_types": ["meeting.closed"]})).await;
    update(&app, &created, json!({"enabled": false})).await;

    let answer = app.send_json(Method::POST, &path(&created, "/test"), &json!({})).await;

    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text());
    let delivery = answer.json();
    assert_eq!(
        (&delivery["event_type"], &delivery["state"]),
        (&json!("endpoint.test"), &json!("waiting"))
    );
    assert_eq!(delivery["endpoint_id"], created["id"]);
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_deleted_endpoint_is_gone_with_its_deliveries(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let created = create(&app, json!({"url": URL})).await;
    app.send_json(Method::POST, &path(&created, "/test"), &json!({})).await;

    let deleted = app.send_json(Method::DELETE, &path(&created, ""), &json!({})).await;
    let again = app.send_json(Method::DELETE, &path(&created, ""), &json!({})).await;

    assert_eq!(
        (deleted.status, again.status),
        (StatusCode::NO_CONTENT, StatusCode::NOT_FOUND)
    );
    assert_eq!(app.get("/v1/deliveries").await.json()["items"], json!([]));
    for rest in ["", "/secret", "/test"] {
        let method = if rest.is_empty() { Method::PATCH } else { Method::POST };
        let answer = app.send_json(method, &path(&created, rest), &json!({})).await;
        assert_eq!(answer.problem(), "not-found", "{rest}");
    }
}
