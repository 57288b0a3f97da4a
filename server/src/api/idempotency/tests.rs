use std::{sync::Arc, time::Duration};

use axum::{
    body::Body,
    http::{Method, Request, StatusCode, header},
};
use chrono::TimeDelta;
use serde_json::{Value, json};
use storage::PgPool;

use crate::support::{JOIN, TestApp, TestResponse, WRITE};

/// Longest time that a test waits for something that happens at once.
const SOON: Duration = Duration::from_secs(20);

fn post(path: &str, key: &str, body: &Value) -> Request<Body> {
    post_as(WRITE, path, key, body)
}

fn post_as(caller: &str, path: &str, key: &str, body: &Value) -> Request<Body> {
    Request::post(path)
        .header(header::AUTHORIZATION, format!("Bearer {caller}"))
        .header(header::CONTENT_TYPE, "application/json")
        .header("idempotency-key", key)
        .body(Body::from(body.to_string()))
        .unwrap()
}

async fn create(app: &TestApp, key: &str, name: &str) -> TestResponse {
    app.send(post("/v1/rooms", key, &json!({"name": name}))).await
}

fn outline(answer: &TestResponse) -> (u16, Option<&str>) {
    (answer.status.as_u16(), answer.header("idempotent-replayed"))
}

async fn rows(app: &TestApp) -> i64 {
    let count = sqlx::query_scalar("SELECT count(*) FROM idempotency_keys");
    count.fetch_one(&app.pool).await.unwrap()
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_repeat_gets_the_same_answer_and_creates_nothing(pool: PgPool) {
    let app = TestApp::new(pool).await;

    let first = create(&app, "k-1", "standup").await;
    let quoted = create(&app, "\"k-1\"", "standup").await;
    let without = app
        .send_json(Method::POST, "/v1/rooms", &json!({"name": "standup"}))
        .await;

    assert_eq!((outline(&first), outline(&quoted)), ((201, None), (201, Some("true"))));
    assert_eq!(first.json(), quoted.json());
    for name in ["location", "content-type"] {
        assert!(first.header(name).is_some());
        assert_eq!(first.header(name), quoted.header(name));
    }
    assert_eq!(without.status, StatusCode::CONFLICT);
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_key_belongs_to_one_request_of_one_caller(pool: PgPool) {
    let app = TestApp::new(pool).await;
    app.add_key("tsk_other", crate::keys::Scope::Admin).await;
    create(&app, "k-1", "standup").await;

    let other_body = create(&app, "k-1", "retro").await;
    let other_path = app
        .send(post("/v1/rooms/standup/join", "k-1", &json!({"name": "standup"})))
        .await;
    let other_caller = app
        .send(post_as("tsk_other", "/v1/rooms", "k-1", &json!({"name": "retro"})))
        .await;

    assert_eq!(other_body.problem(), "idempotency-key-reused");
    assert_eq!(other_path.problem(), "idempotency-key-reused");
    assert_eq!(outline(&other_caller), (201, None));
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_refused_request_may_be_repeated_with_its_key(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let join = || post_as(JOIN, "/v1/rooms/standup/join", "k-1", &json!({"display_name": "Ada"}));

    let too_early = app.send(join()).await;
    let kept = rows(&app).await;
    app.create_room("standup").await;
    let in_time = app.send(join()).await;

    assert_eq!((too_early.problem().as_str(), kept), ("not-found", 0));
    assert_eq!(outline(&in_time), (201, None));
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_key_is_free_again_after_a_day(pool: PgPool) {
    let app = TestApp::new(pool).await;
    create(&app, "k-1", "standup").await;

    app.set_now(app.now() + TimeDelta::hours(24));
    let same_day = create(&app, "k-1", "standup").await;
    app.set_now(app.now() + TimeDelta::seconds(1));
    let next_day = create(&app, "k-1", "retro").await;

    assert_eq!(
        (outline(&same_day), outline(&next_day)),
        ((201, Some("true")), (201, None))
    );
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn the_database_contains_neither_what_was_asked_nor_what_was_answered(pool: PgPool) {
    let app = TestApp::new(pool).await;
    app.create_room("standup").await;
    let join = || {
        post_as(
            JOIN,
            "/v1/rooms/standup/join",
            "k-secret",
            &json!({"display_name": "Ada"}),
        )
    };

    let (first, again) = (app.send(join()).await, app.send(join()).await);

    assert_eq!(first.json()["token"], again.json()["token"]);
    assert_eq!(again.header("cache-control"), Some("no-store"));
    let stored: String =
        sqlx::query_scalar("SELECT encode(answer, 'escape') || idempotency_keys::text FROM idempotency_keys")
            .fetch_one(&app.pool)
            .await
            .unwrap();
    let token = first.json()["token"].as_str().unwrap().to_owned();
    for secret in [token.as_str(), &token[..20], "token", "Ada", "k-secret"] {
        assert!(!stored.contains(secret), "{secret}");
    }
    assert!(stored.contains("POST /v1/rooms/{name}/join"), "{stored}");
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_damaged_answer_is_an_error_and_not_carried_out_again(pool: PgPool) {
    let app = TestApp::new(pool).await;
    create(&app, "k-1", "standup").await;
    let damage = "UPDATE idempotency_keys SET answer = set_byte(answer, 20, get_byte(answer, 20) # 1)";
    sqlx::query(damage).execute(&app.pool).await.unwrap();

    let answer = create(&app, "k-1", "standup").await;

    assert_eq!(answer.problem(), "internal");
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_caller_that_goes_away_learns_the_outcome_by_repeating(pool: PgPool) {
    let app = Arc::new(TestApp::new(pool).await);
    let mut holder = app.pool.begin().await.unwrap();
    // The room cannot be inserted before this transaction ends.
    sqlx::query("LOCK TABLE rooms IN SHARE ROW EXCLUSIVE MODE")
        .execute(&mut *holder)
        .await
        .unwrap();

    let waiting = tokio::spawn({
        let app = app.clone();
        async move { create(&app, "k-1", "standup").await }
    });
    let until = tokio::time::Instant::now() + SOON;
    while rows(&app).await == 0 {
        assert!(tokio::time::Instant::now() < until);
        tokio::task::yield_now().await;
    }
    let meanwhile = create(&app, "k-1", "standup").await;
    waiting.abort();
    assert!(waiting.await.unwrap_err().is_cancelled());
    holder.rollback().await.unwrap();
    app.state.tasks.close();
    tokio::time::timeout(SOON, app.state.tasks.wait()).await.unwrap();
    let after = create(&app, "k-1", "standup").await;

    assert_eq!(
        (meanwhile.problem().as_str(), meanwhile.header("retry-after")),
        ("request-running", Some("1"))
    );
    assert_eq!(outline(&after), (201, Some("true")));
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn an_attempt_that_was_lost_with_its_server_is_carried_out_again(pool: PgPool) {
    let app = TestApp::new(pool).await;
    create(&app, "k-1", "standup").await;
    // As after a crash before anything was committed.
    let undo = "WITH gone AS (DELETE FROM rooms) UPDATE idempotency_keys SET answer = NULL";
    sqlx::query(undo).execute(&app.pool).await.unwrap();

    let at_once = create(&app, "k-1", "standup").await;
    app.set_now(app.now() + TimeDelta::seconds(61));
    let later = create(&app, "k-1", "standup").await;

    assert_eq!(at_once.problem(), "request-running");
    assert_eq!(outline(&later), (201, None));
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn an_unusable_key_is_refused(pool: PgPool) {
    let app = TestApp::new(pool).await;
    let long = "k".repeat(256);

    for key in ["", "\"\"", "a b", "\"a", "a\"b", long.as_str(), "\u{e9}"] {
        let answer = create(&app, key, "standup").await;

        assert_eq!(answer.problem(), "invalid", "{key}");
        assert_eq!(answer.json()["errors"][0]["field"], "Idempotency-Key", "{key}");
    }
    assert_eq!(rows(&app).await, 0);
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_key_does_not_replace_authentication_or_the_limit_of_the_body(pool: PgPool) {
    let app = TestApp::new(pool).await;
    create(&app, "k-1", "standup").await;
    let stranger = post_as("tsk_stranger", "/v1/rooms", "k-1", &json!({"name": "standup"}));

    let refused = app.send(stranger).await;
    let huge = create(&app, "k-2", &"x".repeat(70 * 1024)).await;

    assert_eq!(refused.problem(), "unauthenticated");
    assert_eq!(huge.problem(), "too-large");
}
