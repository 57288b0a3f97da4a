//! The adapter against a real livekit-server.

use std::time::Duration;

use crate::support::{KEY, SECRET, config, key, livekit_at};
use chrono::Utc;
use domain::event::EventRoom;
use domain::participant::Role;
use domain::permissions::Permissions;
use domain::{PlatformCaptureId, RoomName};
use platform::livekit::{Livekit, LivekitConfig};
use platform::{CaptureFilter, JoinRequest, Platform, PlatformError, Presence, RoomToJoin};
use secrecy::ExposeSecret;
use test_support::{LivekitServer, Participant, RedisServer, wait_until};
use uuid::Uuid;

/// Only a failing test waits this long.
const TIMEOUT: Duration = Duration::from_secs(30);

fn standup() -> EventRoom {
    EventRoom {
        name: Some("standup".to_owned()),
        key: "RM_1".into(),
        session: None,
        created_at: None,
    }
}

/// Starts a livekit-server with the key that the adapter is configured with.
async fn start_server() -> LivekitServer {
    LivekitServer::builder().api_key(KEY, SECRET).start().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_server_accepts_our_tokens_and_calls() {
    let server = start_server().await;
    let livekit = livekit_at(&server.url(), vec![key(KEY, SECRET)]);
    let request = JoinRequest {
        room: RoomName::parse("standup").unwrap(),
        identity: None,
        display_name: "Zoë 寿".to_owned(),
        role: Role::Listener,
        permissions: Permissions::of(Role::Listener),
        ttl: None,
    };

    let room = RoomToJoin {
        id: Uuid::nil().into(),
        current: None,
        made_before: 0,
    };
    let admission = livekit.admit(&request, &room, Utc::now()).await.unwrap();
    let token = admission.token.unwrap();
    let status = server.validate(token.expose_secret()).await;
    let damaged = server.validate(&format!("{}x", token.expose_secret())).await;

    assert_eq!((status, damaged), (200, 401));
    assert!(livekit.ping().await.is_ok());
    assert_eq!(livekit.presence(&[]).await.unwrap(), Presence::Known(vec![]));
    assert_eq!(livekit.list_participants(&standup()).await.unwrap(), []);
    assert_eq!(
        livekit.get_participant("standup", &"nobody".into()).await.unwrap(),
        None
    );
    assert!(
        livekit.delete_room(&standup()).await.is_ok(),
        "deleting a missing room succeeds"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_redis_cannot_record() {
    let server = start_server().await;
    let livekit = livekit_at(&server.http_url(), vec![]);

    let start = livekit
        .start_capture("standup", &"TR_1".into(), "a-{egress_id}.ogg")
        .await;
    let list = livekit.list_captures("standup", CaptureFilter::Active).await;
    let stop = livekit.stop_capture(&PlatformCaptureId::from("EG_1")).await;

    assert!(matches!(start, Err(PlatformError::NotFound(..))), "{start:?}");
    assert!(list.unwrap_err().is_transient());
    assert!(stop.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_secret_and_an_unreachable_server_are_different_errors() {
    let mut server = start_server().await;
    let url = server.http_url();
    let api_secret = "another-secret-that-is-long-enough-000000".into();
    let other_secret = Livekit::new(LivekitConfig {
        api_secret,
        ..config(&url, vec![])
    });

    let refused = other_secret.presence(&[]).await.unwrap_err();
    server.kill();
    let gone = livekit_at(&url, vec![]).presence(&[]).await.unwrap_err();

    assert!(matches!(refused, PlatformError::UnexpectedResponse(..)), "{refused:?}");
    assert!(refused.to_string().contains("key and secret"), "{refused}");
    assert!(
        matches!(gone, PlatformError::Unreachable(..)) && gone.is_transient(),
        "{gone:?}"
    );
}

/// livekit-server was killed in a call and everybody left meanwhile: the next one lists them without end.
#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_a_crash_left_behind_is_not_served_and_can_be_deleted() {
    let redis = RedisServer::start().await;
    let mut server = LivekitServer::builder()
        .api_key(KEY, SECRET)
        .redis(&redis)
        .start()
        .await;
    let livekit = livekit_at(&server.url(), vec![]);
    let ada = Participant::join(&server, "standup", "ada").await;
    let microphone = ada.microphone().await;
    wait_until("LiveKit lists her", TIMEOUT, async || {
        let listed = livekit.list_participants(&standup()).await.unwrap();
        (listed.len() == 1).then_some(())
    })
    .await;
    let served = livekit.is_served(&standup()).await.unwrap();

    server.kill();
    drop((microphone, ada));
    server.start_again().await;
    let listed = livekit.list_participants(&standup()).await.unwrap();
    let served_after = livekit.is_served(&standup()).await.unwrap();
    livekit.delete_room(&standup()).await.unwrap();

    assert!(served && !served_after);
    assert_eq!(listed.len(), 1, "LiveKit goes on listing her");
    assert_eq!(livekit.presence(&[]).await.unwrap(), Presence::Known(vec![]));
}
