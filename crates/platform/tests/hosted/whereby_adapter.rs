//! Whereby behind the trait of all platforms.

use std::sync::Arc;

use chrono::{TimeDelta, Utc};
use domain::RoomId;
use domain::event::{CaptureStatus, EventKind, PlatformKind};
use domain::participant::{ParticipantKind, Role};
use domain::platform_room::{MadeRoom, PlatformRoomRef};
use platform::whereby::{
    DEFAULT_POINTS_PER_MINUTE, FileFormat, RecordingTarget, Whereby, WherebyConfig, WherebyConfigError,
};
use platform::{AdmitError, CaptureFilter, JoinError, Platform, Presence, Received};
use secrecy::ExposeSecret;
use test_support::platforms::whereby::{API_KEY, FakeWhereby, WEBHOOK_SECRET};
use uuid::Uuid;

use super::daily_adapter::{event_room, first_join, request};
use super::receiver::Receiver;

fn config(whereby: &FakeWhereby) -> WherebyConfig {
    WherebyConfig {
        api_url: whereby.api_url(),
        api_key: API_KEY.into(),
        webhook_secrets: vec!["an older secret".into(), WEBHOOK_SECRET.into()],
        points_per_minute: 10 * DEFAULT_POINTS_PER_MINUTE,
        recording: Some(RecordingTarget::Whereby(FileFormat::Mkv)),
        meeting_life: WherebyConfig::DEFAULT_MEETING_LIFE,
        identities: Arc::new(Uuid::new_v4),
    }
}

fn adapter(whereby: &FakeWhereby) -> Whereby {
    Whereby::new(config(whereby)).unwrap()
}

/// Makes a meeting and lets a guest join.
async fn admitted(whereby: &FakeWhereby, adapter: &Whereby) -> (MadeRoom, String) {
    let admission = adapter
        .admit(&request(Role::Participant), &first_join(None), Utc::now())
        .await
        .unwrap();
    let client = whereby.join(admission.url.expose_secret()).await.unwrap();
    (admission.made.unwrap(), client)
}

fn open(made: &MadeRoom) -> PlatformRoomRef {
    PlatformRoomRef {
        platform: PlatformKind::Whereby,
        key: made.key.clone(),
        session: None,
        url: Some(made.url.clone()),
    }
}

#[tokio::test]
async fn only_a_host_gets_the_hosts_address() {
    let whereby = FakeWhereby::start().await;
    let adapter = adapter(&whereby);
    let first = adapter
        .admit(&request(Role::Host), &first_join(None), Utc::now())
        .await
        .unwrap();
    let current = first_join(first.made.clone());

    let guest = adapter
        .admit(&request(Role::Participant), &current, Utc::now())
        .await
        .unwrap();

    assert!(first.url.expose_secret().contains("roleKey="));
    assert!(!guest.url.expose_secret().contains("roleKey="));
    assert!(
        guest
            .url
            .expose_secret()
            .contains(&format!("externalId={}", guest.identity))
    );
    assert!(guest.token.is_none() && guest.made.is_none());
    assert!(!format!("{first:?}").contains("role-key"), "{first:?}");
    assert!(first.expires_at <= Utc::now() + TimeDelta::hours(24));
}

#[tokio::test]
async fn whoever_may_not_publish_is_not_admitted_because_whereby_would_let_them() {
    let whereby = FakeWhereby::start().await;

    let refused = adapter(&whereby)
        .admit(&request(Role::Listener), &first_join(None), Utc::now())
        .await
        .unwrap_err();

    assert!(matches!(
        refused,
        AdmitError::Invalid(JoinError::UnsupportedPermissions)
    ));
    assert!(whereby.meetings().is_empty());
}

#[tokio::test]
async fn events_tell_people_from_the_recorder_and_the_recording_from_its_room() {
    let (whereby, receiver) = (FakeWhereby::start().await, Receiver::start().await);
    whereby.send_webhooks_to(&receiver.url);
    let adapter = adapter(&whereby);

    let (made, client) = admitted(&whereby, &adapter).await;
    whereby.leave(&client).await;

    let mut kinds = Vec::new();
    for (headers, body) in receiver.received() {
        assert!(adapter.check_headers(&headers, Utc::now()).unwrap() >= body.len());
        let Received::Facts(facts) = adapter.receive(&headers, &body, Utc::now()).unwrap() else {
            panic!("Whereby sends no pings")
        };
        let event = &facts[0].event;
        assert_eq!(event.room.as_ref().unwrap().key, made.key);
        kinds.push(match &event.kind {
            EventKind::ParticipantJoined(seen) => (seen.kind == ParticipantKind::Recorder, "joined"),
            EventKind::ParticipantLeft(seen) => (seen.kind == ParticipantKind::Recorder, "left"),
            EventKind::CaptureEnded(_) => (true, "recorded"),
            other => panic!("{other:?}"),
        });
    }
    let expected = [
        (false, "joined"),
        (true, "joined"),
        (false, "left"),
        (true, "left"),
        (true, "recorded"),
    ];
    assert_eq!(kinds, expected);
}

#[tokio::test]
async fn presence_lists_people_and_the_recorder_and_then_is_unknown_for_a_minute() {
    let whereby = FakeWhereby::start().await;
    let adapter = adapter(&whereby);
    let (made, client) = admitted(&whereby, &adapter).await;

    let known = adapter.presence(&[open(&made)]).await.unwrap();
    let next = adapter.presence(&[open(&made)]).await.unwrap();

    let Presence::Known(rooms) = known else {
        panic!("{known:?}")
    };
    let people = rooms[0].people.as_ref().unwrap();
    assert_eq!((rooms.len(), &rooms[0].room.key), (1, &made.key));
    assert!(rooms[0].room.session.is_some() && rooms[0].room.created_at.is_some());
    assert_eq!(people[0].participant.sid.as_str(), client);
    assert_eq!(people[1].participant.kind, ParticipantKind::Recorder);
    assert_eq!(next, Presence::Unknown);
    whereby.leave(&client).await;
    let later = self::adapter(&whereby).presence(&[open(&made)]).await.unwrap();
    assert_eq!(later, Presence::Known(Vec::new()));
}

#[tokio::test]
async fn a_meeting_that_a_crash_left_behind_is_found_and_deleted() {
    let whereby = FakeWhereby::start().await;
    let adapter = adapter(&whereby);
    adapter
        .admit(&request(Role::Host), &first_join(None), Utc::now())
        .await
        .unwrap();

    let made = adapter.list_made_rooms().await.unwrap();
    adapter.delete_room(&event_room(&made[0].key)).await.unwrap();
    adapter.delete_room(&event_room(&made[0].key)).await.unwrap();

    assert_eq!((made.len(), made[0].room_id), (1, RoomId(Uuid::from_u128(7))));
    assert!(whereby.meetings().is_empty());
}

#[tokio::test]
async fn a_recording_whose_webhook_was_lost_is_listed() {
    let whereby = FakeWhereby::start().await;
    let adapter = adapter(&whereby);
    let (made, client) = admitted(&whereby, &adapter).await;
    whereby.leave(&client).await;

    let listed = adapter
        .list_captures(made.key.as_str(), CaptureFilter::All)
        .await
        .unwrap();

    assert_eq!((listed.len(), listed[0].status), (1, CaptureStatus::Complete));
    assert_eq!(listed[0].room_sid.as_ref(), Some(&made.key));
    assert!(
        adapter
            .stop_capture(listed[0].platform_id.as_ref().unwrap())
            .await
            .is_err()
    );
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused() {
    let whereby = FakeWhereby::start().await;
    let with = |secrets: &[&str]| WherebyConfig {
        webhook_secrets: secrets.iter().map(|secret| (*secret).into()).collect(),
        ..config(&whereby)
    };

    for secrets in [&[][..], &["good", ""]] {
        assert!(matches!(Whereby::new(with(secrets)), Err(WherebyConfigError::NoSecret)));
    }
}
