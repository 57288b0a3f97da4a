//! Joining, leaving, and what is reported about tracks.

use std::{collections::HashMap, sync::Arc, time::Duration};

use rtc::{
    BindAddr, JoinError, LeaveReason, TrackKind, TrackSid, TrackSource,
    publisher::{self, AudioOptions},
    simulate::Fault,
    subscriber::{self, TrackEndReason},
};
use secrecy::SecretString;
use test_support::wait_until;

use crate::support::{Listener, LivekitServer, frames, publish, publisher, start_server};

#[tokio::test(flavor = "multi_thread")]
async fn the_servers_text_explains_a_refused_token() {
    let server = start_server().await;
    let mut config = server.recorder_config("room");
    config.token = Arc::new(|| SecretString::from("no.such.token"));

    let error = subscriber::join(config).await.unwrap_err();

    assert!(
        matches!(&error, JoinError::Refused { status: 401, text } if text.contains("invalid authorization token")),
        "{error}"
    );
    assert!(!error.is_transient());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_server_is_a_transient_error() {
    let mut server = start_server().await;
    let config = server.recorder_config("room");
    server.kill();

    let error = subscriber::join(config).await.unwrap_err();

    assert!(matches!(error, JoinError::Unreachable(_)) && error.is_transient());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_for_the_other_role_is_refused() {
    let server = start_server().await;

    let as_publisher = publisher::join(server.recorder_config("room")).await.unwrap_err();
    let as_subscriber = subscriber::join(server.publisher_config("room", "alice"))
        .await
        .unwrap_err();

    assert!(matches!(as_publisher, JoinError::WrongGrants));
    assert!(matches!(as_subscriber, JoinError::WrongGrants));
}

#[tokio::test(flavor = "multi_thread")]
async fn tracks_are_reported_with_their_publishers() {
    let server = start_server().await;
    let speaker = publisher(&server, "room", "alice").await;
    let screen = AudioOptions {
        name: "slides".into(),
        source: TrackSource::ScreenShareAudio,
        stereo: true,
        encrypted: true,
        ..Default::default()
    };
    let track = speaker.publish_audio(screen).await.unwrap();
    let mut listener = Listener::join_only(server.recorder_config("room")).await;

    listener.until("the track is reported", |l| !l.tracks.is_empty()).await;

    let reported = &listener.tracks[track.sid()];
    assert_eq!(
        (
            reported.identity.as_str(),
            reported.display_name.as_str(),
            reported.name.as_str()
        ),
        ("alice", "alice", "slides")
    );
    assert_eq!(
        (reported.kind, reported.source),
        (TrackKind::Audio, TrackSource::ScreenShareAudio)
    );
    assert_eq!(reported.participant_sid, speaker.participant_sid());
    assert!(reported.encrypted && reported.stereo && !reported.muted);
    assert!(
        listener.subscriber.room_sid().as_str().starts_with("RM_")
            && listener.subscriber.participant_sid().as_str().starts_with("PA_")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn tracks_end_when_unpublished_unsubscribed_or_when_the_publisher_leaves() {
    let server = start_server().await;
    let (alice, alice_track) = publish(&server, "room", "alice").await;
    let alice_second = alice
        .publish_audio(AudioOptions {
            name: "second".into(),
            ..Default::default()
        })
        .await
        .unwrap();
    let (bob, bob_track) = publish(&server, "room", "bob").await;
    let mut listener = Listener::join(server.recorder_config("room")).await;
    listener.until("all are subscribed", |l| l.subscribed.len() == 3).await;
    let sids = [bob_track.sid(), alice_track.sid(), alice_second.sid()].map(TrackSid::from);

    bob.leave().await;
    listener.until("bob's track has ended", |l| l.ended.len() == 1).await;
    listener.subscriber.unsubscribe(alice_track.sid());
    listener
        .until("alice's first track has ended", |l| l.ended.len() == 2)
        .await;
    alice_second.unpublish().unwrap();
    listener
        .until("alice's second track has ended", |l| l.ended.len() == 3)
        .await;

    let [bob, first, second] = sids;
    let expected = [
        (bob, TrackEndReason::Unpublished),
        (first, TrackEndReason::Unsubscribed),
        (second, TrackEndReason::Unpublished),
    ];
    assert_eq!(listener.ended, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_track_reuses_the_section() {
    let server = start_server().await;
    let (alice, first) = publish(&server, "room", "alice").await;
    let mut listener = Listener::join(server.recorder_config("room")).await;
    listener
        .until("the first is subscribed", |l| l.subscribed.len() == 1)
        .await;
    first.unpublish().unwrap();
    listener.until("the first has ended", |l| l.ended.len() == 1).await;

    let second = alice.publish_audio(AudioOptions::default()).await.unwrap();
    listener
        .until("the second is subscribed", |l| l.subscribed.len() == 2)
        .await;
    let frames = frames(2, 20);
    listener.during(second.play(frames.clone())).await.unwrap();
    listener
        .until("the last frame has arrived", |l| l.received(second.sid(), &frames[19]))
        .await;

    assert_eq!(listener.payloads(second.sid()), frames);
}

#[tokio::test(flavor = "multi_thread")]
async fn joining_with_the_same_identity_ends_the_earlier_connection() {
    let server = start_server().await;
    let mut first = Listener::join(server.recorder_config("room")).await;

    let second = Listener::join(server.recorder_config("room")).await;
    first.until("the first has left", |l| l.left.is_some()).await;

    assert_eq!(first.left, Some(LeaveReason::DuplicateIdentity));
    second.subscriber.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn leaving_is_the_last_event() {
    let server = start_server().await;
    let mut listener = Listener::join(server.recorder_config("room")).await;

    listener.subscriber.clone().leave().await;
    listener.until("the subscriber has left", |l| l.left.is_some()).await;

    assert_eq!(listener.left, Some(LeaveReason::ClientInitiated));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_bind_address_is_an_error() {
    let server = start_server().await;
    let mut config = server.recorder_config("room");
    config.bind = BindAddr::Only(vec!["203.0.113.7".parse().unwrap()]);

    let joined = subscriber::join(config).await;

    assert!(matches!(joined, Err(JoinError::NoSocket(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_attributes_of_a_hidden_recorder_are_listed_and_survive_a_resume() {
    let server = start_server().await;
    let (_alice, track) = publish(&server, "room", "alice").await;
    let mut listener = Listener::join(server.recorder_config("room")).await;
    listener
        .until("the track is subscribed", |l| l.subscribed.len() == 1)
        .await;
    listener.during(track.play(frames(1, 25))).await.unwrap();
    listener
        .until("media is connected", |l| !l.payloads(track.sid()).is_empty())
        .await;
    let attribute = |name: &str, value: &str| HashMap::from([(name.to_owned(), value.to_owned())]);

    listener
        .subscriber
        .set_attributes(attribute("trackscribe.egress.EG_1", "1"));
    wait_for_attributes(&server, &["trackscribe.egress.EG_1"]).await;
    listener.subscriber.simulate(Fault::DropSignal);
    listener
        .subscriber
        .set_attributes(attribute("trackscribe.egress.EG_2", "1"));
    listener
        .until("signalling is resumed", |l| l.has_reported("resumed"))
        .await;
    wait_for_attributes(&server, &["trackscribe.egress.EG_1", "trackscribe.egress.EG_2"]).await;
    listener
        .subscriber
        .set_attributes(attribute("trackscribe.egress.EG_1", ""));

    wait_for_attributes(&server, &["trackscribe.egress.EG_2"]).await;
}

/// Waits until the server's API lists the recorder with these attributes.
async fn wait_for_attributes(server: &LivekitServer, expected: &[&str]) {
    wait_until("the attributes are listed", Duration::from_secs(5), async || {
        let listed = server.rooms().list_participants("room").await.ok()?;
        let recorder = listed.iter().find(|participant| participant.identity == "recorder")?;
        let mut names: Vec<_> = recorder.attributes.keys().map(String::as_str).collect();
        names.sort_unstable();
        (names == expected).then_some(())
    })
    .await;
}
