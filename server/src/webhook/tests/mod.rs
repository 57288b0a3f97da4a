mod inbox;
mod order;
mod platforms;

use std::time::Duration;

use axum::http::{Method, StatusCode};
use chrono::TimeDelta;
use insta::assert_snapshot;
use serde_json::{Value, json};
use storage::PgPool;

use crate::support::{CapturedWebhook, TestApp, WEBHOOK_KEY, signed, webhook};

const ROOM: &str = "standup-fixture";

/// Selects the data that depends on the webhooks' content, not on their time and order of arrival.
const CONTENT: &str = "
    SELECT 'meeting ' || platform_room_key || ' ' || state || ' ' || started_at || ' ' || COALESCE(ended_at::text, '-')
    FROM meetings
    UNION ALL
    SELECT 'participant ' || identity || ' ' || display_name || ' ' || COALESCE(kind, '-') FROM participants
    UNION ALL
    SELECT 'connection ' || sid || ' ' || joined_at || ' ' || COALESCE(left_at::text, '-') FROM connections
    UNION ALL
    SELECT 'track ' || sid || ' ' || source || ' ' || mime_type || ' ' || COALESCE(not_recorded, '-') || ' '
           || published_at || ' ' || COALESCE(unpublished_at::text, '-')
    FROM tracks
    UNION ALL
    SELECT 'recording ' || recordings.track_sid || ' ' || COALESCE(platform_id, '-') || ' ' || recordings.state || ' '
           || COALESCE(object_key, '-') || ' ' || COALESCE(size_bytes, 0) || ' ' || COALESCE(recordings.started_at::text, '-') || ' '
           || COALESCE(recordings.ended_at::text, '-')
    FROM recordings
    JOIN captures ON captures.id = capture_id
    ORDER BY 1";

async fn content(app: &TestApp) -> String {
    let lines: Vec<String> = sqlx::query_scalar(CONTENT).fetch_all(&app.pool).await.unwrap();
    lines.join("\n")
}

async fn rows(app: &TestApp, column: &str, table: &str) -> Vec<String> {
    let sql = format!("SELECT {column} FROM {table} ORDER BY 1");
    sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
        .fetch_all(&app.pool)
        .await
        .unwrap()
}

async fn with_room(pool: PgPool) -> TestApp {
    let app = TestApp::new(pool).await;
    app.create_room(ROOM).await;
    app
}

fn event(name: &str, id: &str, room: &str) -> Value {
    json!({
        "event": name,
        "id": id,
        "createdAt": "1800000000",
        "room": {"sid": "RM_1", "name": room, "creationTime": "1800000000", "creationTimeMs": "1800000000123"},
        "participant": {"sid": "PA_1", "identity": "ada", "name": "Ada", "state": "ACTIVE", "joinedAt": "1800000000"},
    })
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_call_becomes_a_meeting_with_participants_tracks_and_recordings(pool: PgPool) {
    let app = with_room(pool).await;

    app.replay_call(CapturedWebhook::of_a_call().len()).await;

    assert_snapshot!(content(&app).await, @r"
    connection PA_fQTFL6szZMNk 2026-11-21 08:12:15.456+00 2026-11-21 08:12:23+00
    meeting RM_dBrRkhqudVGR closed 2026-11-21 08:12:13.905+00 2026-11-21 08:12:28+00
    participant zoe-4b82ed Zoë 寿 standard
    recording TR_AMx23cZGKLrKR5 EG_mdeZn6iC2ZDL complete livekit/standup-fixture/zoe-4b82ed-TR_AMx23cZGKLrKR5.ogg 12345 2026-11-21 08:12:17.120383+00 2026-11-21 08:12:19.970244+00
    track TR_AMx23cZGKLrKR5 microphone audio/red - 2026-11-21 08:12:15+00 2026-11-21 08:12:22+00
    ");
    assert_snapshot!(rows(&app, "queue", "jobs").await.join(" "), @"accept_recording check_room start_recording");
    let outcomes = rows(
        &app,
        "to_char(received_at, 'MI:SS') || ' ' || name || ' ' || outcome",
        "events",
    )
    .await;
    assert_snapshot!(outcomes.join("\n"), @r"
    12:13 room_started deferred
    12:15 participant_joined applied
    12:15 track_published applied
    12:16 egress_started applied
    12:17 egress_updated applied
    12:19 egress_ended applied
    12:19 egress_updated applied
    12:22 track_unpublished applied
    12:23 participant_left applied
    12:28 room_finished applied
    ");
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_customers_own_egress_of_a_track_is_not_adopted(pool: PgPool) {
    let app = with_room(pool).await;

    for name in CapturedWebhook::of_a_call() {
        app.replay(&name).await;
    }

    let recordings = rows(&app, "state || ' ' || coalesce(platform_id, '-')", "captures").await;
    assert_eq!(recordings, ["requested -"]);
    assert_eq!(
        rows(&app, "outcome", "events WHERE name LIKE 'egress%'").await,
        ["ignored"; 4]
    );
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_track_announced_three_times_at_once_is_requested_once(pool: PgPool) {
    let app = with_room(pool).await;
    app.replay("02-participant_joined").await;
    let published = CapturedWebhook::read("03-track_published");

    let send = || app.send(published.request());
    let answers = tokio::join!(send(), send(), send());

    assert_eq!(
        [answers.0.status, answers.1.status, answers.2.status],
        [StatusCode::OK; 3]
    );
    assert_eq!(rows(&app, "queue", "jobs").await, ["start_recording"]);
    assert_eq!(rows(&app, "state", "recordings").await, ["requested"]);
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn unauthentic_webhooks_are_rejected_and_store_nothing(pool: PgPool) {
    let app = with_room(pool).await;
    let good = CapturedWebhook::read("03-track_published");
    app.set_now(good.sent_at());
    let mut changed = good.body.clone();
    changed[20] ^= 1;
    let foreign = CapturedWebhook {
        token: good.token.replace(&good.token[40..44], "AAAA"),
        body: good.body.clone(),
    };
    let huge = vec![b' '; 10 * 1024 * 1024];

    let mut answers = vec![
        app.send(webhook(changed, &good.token)).await,
        app.send(foreign.request()).await,
        app.send(webhook(good.body.clone(), "")).await,
        app.send(webhook(good.body.clone(), &"e.".repeat(9_000))).await,
        app.send(webhook(huge, &good.token)).await,
    ];
    app.set_now(good.sent_at() + TimeDelta::seconds(400));
    answers.push(app.send(good.request()).await);
    app.set_now(good.sent_at() - TimeDelta::seconds(90));
    answers.push(app.send(good.request()).await);

    let statuses: Vec<u16> = answers.iter().map(|a| a.status.as_u16()).collect();
    assert_eq!(statuses, [401, 401, 401, 401, 413, 401, 401]);
    assert_eq!(answers[0].problem(), "bad-signature");
    assert!(rows(&app, "event_id", "events").await.is_empty());
    assert!(rows(&app, "identity", "participants").await.is_empty());
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_signed_body_that_is_not_an_event_is_malformed(pool: PgPool) {
    let app = with_room(pool).await;

    for body in ["", "[]", "{", "\u{0}", "null", "{\"event\":7}"] {
        let answer = app.send(signed(body.to_owned(), app.now())).await;

        assert!(
            matches!(answer.status.as_u16(), 200 | 400),
            "{body:?}: {}",
            answer.text()
        );
    }

    assert!(rows(&app, "identity", "participants").await.is_empty());
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn an_unknown_event_is_stored_and_answered_200(pool: PgPool) {
    let app = with_room(pool).await;

    let answer = app.webhook(&event("room_painted_blue", "EV_1", ROOM)).await;

    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    assert_eq!(
        rows(&app, "name || ' ' || outcome", "events").await,
        ["room_painted_blue unknown_event"]
    );
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn an_event_of_an_unknown_room_is_stored_without_effect(pool: PgPool) {
    let app = with_room(pool).await;

    let answer = app
        .webhook(&event("participant_joined", "EV_1", "somebody-elses"))
        .await;

    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    assert_eq!(rows(&app, "outcome", "events").await, ["foreign_room"]);
    assert!(content(&app).await.is_empty());
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn an_unknown_room_is_added_if_rooms_are_adopted(pool: PgPool) {
    let app = TestApp::build(pool, |state| {
        let options = crate::Options {
            adopt_rooms: true,
            ..(*state.options).clone()
        };
        state.options = options.into();
    });

    let answer = app
        .webhook(&event("participant_joined", "EV_1", "somebody-elses"))
        .await;

    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    assert_eq!(rows(&app, "name", "rooms").await, ["somebody-elses"]);
    assert_eq!(rows(&app, "platform_room_key", "meetings").await, ["RM_1"]);
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn storage_credentials_of_a_failed_egress_are_not_stored(pool: PgPool) {
    let app = with_room(pool).await;
    let name = "extra/05-egress_ended-failed-auto-egress-no-worker";
    let sent = String::from_utf8(CapturedWebhook::read(name).body).unwrap();

    let answer = app.replay(name).await;

    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    let stored = rows(&app, "body::text || event::text", "events").await.join("");
    for word in ["accessKey", "secret", "sessionToken"] {
        let value = sent
            .split_once(&format!("\"{word}\":\""))
            .map(|(_, rest)| rest.split('"').next().unwrap());
        let value = value.unwrap_or_else(|| panic!("the capture contains no {word}"));
        assert!(!stored.contains(value), "{word} is stored: {stored}");
    }
}

#[tokio::test]
async fn without_a_database_a_webhook_is_answered_503_within_three_seconds() {
    let pool = storage::pool::connect_lazy("postgres://nobody@127.0.0.1:9/none", "test", 2).unwrap();
    let app = TestApp::build(pool, |_| {});
    let started = std::time::Instant::now();

    let answer = app.webhook(&event("participant_joined", "EV_1", ROOM)).await;

    assert_eq!(
        (answer.status, answer.problem().as_str()),
        (StatusCode::SERVICE_UNAVAILABLE, "unavailable")
    );
    assert!(answer.header("retry-after").is_some());
    assert!(
        started.elapsed() <= Duration::from_millis(3_500),
        "{:?}",
        started.elapsed()
    );
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn an_unknown_webhook_key_is_rejected(pool: PgPool) {
    let app = with_room(pool).await;
    let good = CapturedWebhook::read("03-track_published");
    app.set_now(good.sent_at());
    let parts: Vec<&str> = good.token.split('.').collect();
    let claims = base64::Engine::decode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, parts[1]).unwrap();
    let claims = String::from_utf8(claims)
        .unwrap()
        .replace(WEBHOOK_KEY, "APIsomebodyelse0");
    let claims = base64::Engine::encode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, claims);

    let answer = app
        .send(webhook(good.body, &format!("{}.{claims}.{}", parts[0], parts[2])))
        .await;
    let other_method = app.request(Method::GET, "/v1/livekit/webhook", &[]).await;

    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(
        (other_method.status, other_method.problem().as_str()),
        (StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed")
    );
}
