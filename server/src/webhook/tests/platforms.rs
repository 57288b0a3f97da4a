//! Webhooks of platforms that send pings, several events at once, or nothing that is signed.

use std::sync::Arc;

use axum::{body::Body, http::Request};
use domain::{
    RoomName,
    event::{EventKey, EventKind, EventRoom, PlatformEvent, PlatformKind},
    participant::{ObservedParticipant, ParticipantKind},
    platform_room::{MadeRoom, PlatformRoom},
    room::Room,
};
use platform::{Platform, Platforms, fake::FakePlatform, fake::SIGNATURE};
use storage::PgPool;

use super::{content, rows};
use crate::support::{TestApp, TestResponse};

/// A server on Daily alone, with one room whose platform room was made.
async fn daily(pool: PgPool) -> TestApp {
    let fake = Arc::new(FakePlatform::new(PlatformKind::Daily)) as Arc<dyn Platform>;
    let app = TestApp::build(pool, |state| state.platforms = Platforms::new(vec![fake]));
    let name = RoomName::parse("standup").unwrap();
    let room = Room::new((app.state.ids)().into(), name, PlatformKind::Daily, app.now());
    let made = PlatformRoom {
        id: (app.state.ids)().into(),
        room_id: room.id,
        platform: PlatformKind::Daily,
        made: MadeRoom {
            key: "standup-1".into(),
            url: "https://acme.daily.test/standup-1".to_owned(),
            host_url: None,
            expires_at: app.now(),
        },
        created_at: app.now(),
    };
    let mut conn = app.state.conn().await.unwrap();
    storage::rooms::insert(&mut conn, &room).await.unwrap();
    storage::platform_rooms::insert_if_absent(&mut conn, &made)
        .await
        .unwrap();
    drop(conn);
    app
}

fn joined(app: &TestApp, room: &str, identity: &str) -> PlatformEvent {
    PlatformEvent {
        key: EventKey {
            platform: PlatformKind::Daily,
            id: format!("{identity} joins {room}"),
        },
        name: "participant.joined".to_owned(),
        occurred_at: app.now(),
        room: Some(EventRoom {
            name: None,
            key: room.into(),
            session: None,
            created_at: None,
        }),
        kind: EventKind::ParticipantJoined(ObservedParticipant {
            sid: identity.into(),
            identity: identity.into(),
            display_name: String::new(),
            kind: ParticipantKind::Standard,
            joined_at: Some(app.now()),
        }),
    }
}

async fn post(app: &TestApp, path: &str, signature: &str, body: impl Into<Body>) -> TestResponse {
    let request = Request::post(path).header("authorization", signature);
    app.send(request.body(body.into()).unwrap()).await
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn several_events_of_one_request_are_stored_and_judged(pool: PgPool) {
    let app = daily(pool).await;
    let events = ["ada", "bob"].map(|identity| joined(&app, "standup-1", identity));
    let body = serde_json::to_string(&events).unwrap();

    let answers = [
        post(&app, "/v1/daily/webhook", SIGNATURE, body.clone()).await,
        post(&app, "/v1/daily/webhook", SIGNATURE, body).await,
    ];

    assert_eq!(answers.map(|answer| answer.status.as_u16()), [200, 200]);
    assert_eq!(rows(&app, "outcome", "events").await, ["applied", "applied"]);
    assert_eq!(rows(&app, "identity", "participants").await, ["ada", "bob"]);
    assert_eq!(
        rows(&app, "platform_room_key || ' ' || platform_room_url", "meetings").await,
        ["standup-1 https://acme.daily.test/standup-1"]
    );
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_ping_is_answered_and_stores_nothing(pool: PgPool) {
    let app = daily(pool).await;

    let answer = post(&app, "/v1/daily/webhook", SIGNATURE, "").await;

    assert_eq!(answer.status.as_u16(), 200, "{}", answer.text());
    assert!(rows(&app, "event_id", "events").await.is_empty());
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn an_event_of_a_room_that_we_did_not_make_has_no_effect(pool: PgPool) {
    let app = daily(pool).await;
    let event = joined(&app, "standup", "ada"); // the name of our room, and not of a platform room

    let answer = post(
        &app,
        "/v1/daily/webhook",
        SIGNATURE,
        serde_json::to_string(&event).unwrap(),
    )
    .await;

    assert_eq!(answer.status.as_u16(), 200, "{}", answer.text());
    assert_eq!(rows(&app, "outcome", "events").await, ["foreign_room"]);
    assert!(content(&app).await.is_empty());
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_webhook_without_a_valid_header_is_refused_before_its_body_is_read(pool: PgPool) {
    let app = daily(pool).await;
    let endless = || Body::from_stream(futures::stream::pending::<Result<bytes::Bytes, std::io::Error>>());

    let wrong = post(&app, "/v1/daily/webhook", "wrong", endless()).await;
    let missing = app
        .send(Request::post("/v1/daily/webhook").body(endless()).unwrap())
        .await;

    for answer in [wrong, missing] {
        assert_eq!(
            (answer.status.as_u16(), answer.problem().as_str()),
            (401, "bad-signature")
        );
    }
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_platform_that_is_not_configured_has_no_webhook_address(pool: PgPool) {
    let app = daily(pool).await;

    for path in ["/v1/whereby/webhook", "/v1/livekit/webhook"] {
        let answer = post(&app, path, SIGNATURE, "{}").await;
        assert_eq!(
            (answer.status.as_u16(), answer.problem().as_str()),
            (404, "platform-not-configured"),
            "{path}"
        );
    }
}
