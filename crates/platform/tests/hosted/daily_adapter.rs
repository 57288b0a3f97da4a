//! Daily behind the trait of all platforms.

use std::sync::Arc;

use axum::http::StatusCode;
use chrono::{TimeDelta, Utc};
use domain::event::{CaptureStatus, EventKind, EventRoom};
use domain::participant::Role;
use domain::permissions::Permissions;
use domain::platform_room::{MadeRoom, PlatformRoomRef};
use domain::{PlatformRoomKey, RoomId, RoomName};
use platform::daily::{CaptureLimits, DEFAULT_API_URL, Daily, DailyConfig, DailyConfigError, NewWebhook};
use platform::{
    AdmitError, CaptureFilter, JoinRequest, Platform, PlatformError, Presence, PresentRoom, Received, RoomToJoin,
    WebhookError,
};
use secrecy::{ExposeSecret, SecretString};
use test_support::audio::tone;
use test_support::platforms::Scripted;
use test_support::platforms::daily::{API_KEY, FakeDaily};
use uuid::Uuid;

use super::daily_api::{client, join, room};
use super::receiver::Receiver;

/// Base64 of 32 bytes.
const SECRET: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

pub fn config(api_url: &str) -> DailyConfig {
    DailyConfig {
        api_url: api_url.to_owned(),
        api_key: API_KEY.into(),
        webhook_secrets: vec![SECRET.into()],
        webhook_url: None,
        bucket: None,
        max_participants: None,
        room_life: DailyConfig::DEFAULT_ROOM_LIFE,
        capture_limits: CaptureLimits::default(),
        identities: Arc::new(Uuid::new_v4),
    }
}

fn adapter(daily: &FakeDaily) -> Daily {
    Daily::new(config(&daily.api_url())).unwrap()
}

pub fn request(role: Role) -> JoinRequest {
    JoinRequest {
        room: RoomName::parse("standup").unwrap(),
        identity: None,
        display_name: "Zoë".to_owned(),
        role,
        permissions: Permissions::of(role),
        ttl: None,
    }
}

pub fn first_join(current: Option<MadeRoom>) -> RoomToJoin {
    RoomToJoin {
        id: RoomId(Uuid::from_u128(7)),
        current,
        made_before: 3,
    }
}

/// Lets somebody join through the adapter. Returns the room and their session.
async fn admitted(daily: &FakeDaily, adapter: &Daily) -> (PlatformRoomKey, String) {
    let admission = adapter
        .admit(&request(Role::Participant), &first_join(None), Utc::now())
        .await
        .unwrap();
    let session = daily.join(admission.token.unwrap().expose_secret()).await.unwrap();
    (admission.made.unwrap().key, session)
}

fn open(key: &PlatformRoomKey) -> PlatformRoomRef {
    PlatformRoomRef {
        platform: domain::event::PlatformKind::Daily,
        key: key.clone(),
        session: None,
        url: None,
    }
}

async fn known(adapter: &Daily, open: &[PlatformRoomRef]) -> Vec<PresentRoom> {
    match adapter.presence(open).await.unwrap() {
        Presence::Known(rooms) => rooms,
        Presence::Unknown => panic!("the fake knows"),
    }
}

#[tokio::test]
async fn two_first_joins_at_once_make_one_room() {
    let daily = FakeDaily::start().await;
    let (one, other) = (adapter(&daily), adapter(&daily));
    let (request, room) = (request(Role::Participant), first_join(None));

    let (one, other) = tokio::join!(
        one.admit(&request, &room, Utc::now()),
        other.admit(&request, &room, Utc::now())
    );

    let (one, other) = (one.unwrap(), other.unwrap());
    assert_eq!(one.made.as_ref().unwrap().key, other.made.unwrap().key);
    assert_eq!(daily.rooms().len(), 1);
    assert!(one.url.expose_secret().ends_with(daily.rooms()[0].as_str()));
    assert_ne!(one.identity, other.identity);
    assert!(one.identity.as_str().len() <= 36);
}

#[tokio::test]
async fn a_later_join_uses_the_room_and_a_room_that_is_gone_is_reported() {
    let daily = FakeDaily::start().await;
    let adapter = adapter(&daily);
    let first = adapter
        .admit(&request(Role::Host), &first_join(None), Utc::now())
        .await
        .unwrap();
    let current = first_join(first.made.clone());

    let second = adapter
        .admit(&request(Role::Listener), &current, Utc::now())
        .await
        .unwrap();
    daily.join(second.token.unwrap().expose_secret()).await.unwrap();
    let key = first.made.unwrap().key;
    adapter.delete_room(&event_room(&key)).await.unwrap();
    let gone = adapter
        .admit(&request(Role::Host), &current, Utc::now())
        .await
        .unwrap_err();

    assert!(second.made.is_none());
    assert!(
        matches!(gone, AdmitError::Platform(PlatformError::NotFound(..))),
        "{gone:?}"
    );
}

#[tokio::test]
async fn a_token_ends_with_its_room() {
    let daily = FakeDaily::start().await;
    let config = DailyConfig {
        room_life: TimeDelta::minutes(30),
        ..config(&daily.api_url())
    };
    let now = Utc::now();

    let admission = Daily::new(config)
        .unwrap()
        .admit(&request(Role::Host), &first_join(None), now)
        .await
        .unwrap();

    assert!(admission.expires_at <= now + TimeDelta::minutes(30));
    assert!(admission.expires_at >= now + TimeDelta::minutes(29));
}

#[tokio::test]
async fn every_event_of_a_call_is_received() {
    let (daily, receiver) = (FakeDaily::start().await, Receiver::start().await);
    let (adapter, secret) = (adapter(&daily), SecretString::from(SECRET));
    let new = NewWebhook {
        url: receiver.url.clone(),
        secret,
    };
    client(&daily).create_webhook(&new).await.unwrap();

    let (key, session) = admitted(&daily, &adapter).await;
    daily.leave(&session).await;

    let mut kinds = Vec::new();
    for (headers, body) in receiver.received() {
        assert!(adapter.check_headers(&headers, Utc::now()).unwrap() >= body.len());
        match adapter.receive(&headers, &body, Utc::now()).unwrap() {
            Received::Ping => kinds.push("ping"),
            Received::Facts(facts) => {
                assert_eq!(facts[0].event.room.as_ref().unwrap().key, key);
                kinds.push(kind_name(&facts[0].event.kind));
            }
        }
    }
    assert_eq!(kinds, ["ping", "started", "joined", "left", "ended"]);
}

fn kind_name(kind: &EventKind) -> &'static str {
    match kind {
        EventKind::MeetingStarted => "started",
        EventKind::MeetingEnded => "ended",
        EventKind::ParticipantJoined(_) => "joined",
        EventKind::ParticipantLeft(_) => "left",
        _ => "other",
    }
}

#[tokio::test]
async fn presence_lists_our_rooms_with_their_people_and_no_others() {
    let daily = FakeDaily::start().await;
    let adapter = adapter(&daily);
    let (key, session) = admitted(&daily, &adapter).await;
    client(&daily).create_room(&room("of-somebody-else")).await.unwrap();
    join(&daily, &client(&daily), "of-somebody-else", "p-eve").await;

    let live = known(&adapter, &[open(&key)]).await;
    daily.leave(&session).await;
    let over = known(&adapter, &[open(&key)]).await;

    assert_eq!(live.len(), 1);
    assert_eq!(live[0].room.key, key);
    let people = live[0].people.as_ref().unwrap();
    assert_eq!(
        (people.len(), people[0].participant.sid.as_str()),
        (1, session.as_str())
    );
    assert_eq!(over, []);
}

#[tokio::test]
async fn an_error_is_not_an_empty_room() {
    let daily = FakeDaily::start().await;
    let adapter = adapter(&daily);
    let (key, session) = admitted(&daily, &adapter).await;
    daily.leave(&session).await;
    let controls = daily.controls();

    controls.answer("GET /v1/presence", Scripted::Error(StatusCode::INTERNAL_SERVER_ERROR));
    assert!(adapter.presence(&[open(&key)]).await.is_err());
    controls.answer("GET /v1/meetings", Scripted::Error(StatusCode::INTERNAL_SERVER_ERROR));
    assert!(adapter.presence(&[open(&key)]).await.is_err());
    assert_eq!(known(&adapter, &[open(&key)]).await, []);
}

#[tokio::test]
async fn rooms_that_a_crash_left_behind_are_found() {
    let daily = FakeDaily::start().await;
    let adapter = adapter(&daily);
    client(&daily).create_room(&room("of-somebody-else")).await.unwrap();
    adapter
        .admit(&request(Role::Host), &first_join(None), Utc::now())
        .await
        .unwrap();

    let made = adapter.list_made_rooms().await.unwrap();

    assert_eq!(made.len(), 1);
    assert_eq!(made[0].room_id, RoomId(Uuid::from_u128(7)));
    assert!(made[0].created_at.is_some());
    adapter.delete_room(&event_room(&made[0].key)).await.unwrap();
    assert!(adapter.list_made_rooms().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_capture_of_the_call_is_started_listed_and_stopped() {
    let daily = FakeDaily::start().await;
    let adapter = adapter(&daily);
    let made = adapter
        .admit(&request(Role::Host), &first_join(None), Utc::now())
        .await
        .unwrap();
    let key = made.made.unwrap().key;
    let start = || adapter.start_meeting_capture(&key);

    let too_early = start().await.unwrap_err();
    let session = daily.join(made.token.unwrap().expose_secret()).await.unwrap();
    let started = start().await.unwrap();
    daily.speak(&session, &tone(440.0, 48_000));
    let id = started.platform_id.clone().unwrap();
    let stopped = adapter.stop_capture(&id).await.unwrap();
    let again = adapter.stop_capture(&id).await.unwrap_err();

    assert!(too_early.is_transient());
    assert!(adapter.start_capture(key.as_str(), &"TR_1".into(), "").await.is_err());
    assert_eq!(started.status, CaptureStatus::Active);
    assert_eq!(
        (stopped.platform_id.as_ref(), stopped.status),
        (Some(&id), CaptureStatus::Ending)
    );
    assert!(matches!(again, PlatformError::Refused(..)));
    let list = |which| adapter.list_captures(key.as_str(), which);
    assert_eq!(list(CaptureFilter::Active).await.unwrap().len(), 0);
    let all = list(CaptureFilter::All).await.unwrap();
    assert_eq!(
        (all[0].platform_id.as_ref(), all[0].status),
        (Some(&id), CaptureStatus::Complete)
    );
    assert_eq!(
        (all[0].files.len(), all[0].files[0].identity.as_ref()),
        (1, Some(&made.identity))
    );
}

#[test]
fn settings_that_cannot_work_are_refused() {
    test_support::use_tls_provider();
    let with = |secrets: &[&str]| DailyConfig {
        webhook_secrets: secrets.iter().map(|secret| (*secret).into()).collect(),
        ..config(DEFAULT_API_URL)
    };

    assert!(Daily::new(with(&[SECRET, SECRET])).is_ok());
    assert!(matches!(Daily::new(with(&[])), Err(DailyConfigError::NoSecret)));
    assert!(matches!(
        Daily::new(with(&[SECRET, "x"])),
        Err(DailyConfigError::Secret(_))
    ));
    assert!(matches!(Daily::new(config("daily")), Err(DailyConfigError::Url(_))));
}

#[tokio::test]
async fn a_webhook_of_somebody_else_is_refused() {
    let daily = FakeDaily::start().await;

    let refused = adapter(&daily)
        .receive(&http::HeaderMap::new(), &"{}".into(), Utc::now())
        .unwrap_err();

    assert!(matches!(refused, WebhookError::MissingSignature));
}

pub fn event_room(key: &PlatformRoomKey) -> EventRoom {
    EventRoom {
        name: None,
        key: key.clone(),
        session: None,
        created_at: None,
    }
}
