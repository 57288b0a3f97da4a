//! Recordings from start to end.

use livekit_protocol::{EgressStatus, egress_info};
use rtc::publisher::AudioOptions;
use test_support::{
    audio::{RecordedFile, tone_share},
    wait_until,
};

use crate::support::{EgressStack, TIMEOUT};

#[tokio::test]
async fn an_unpublished_track_is_stored_as_a_file_with_its_manifest() {
    let stack = EgressStack::start().await;
    let worker = stack.worker("one", "").await;
    let ada = stack.publisher("ada", AudioOptions::default()).await;
    let started = stack
        .record(ada.sid(), "calls/{room_name}/{publisher_identity}-{egress_id}")
        .await
        .unwrap();
    assert_eq!(started.status(), EgressStatus::EgressStarting);

    ada.play_tone(440.0, 3000).await;
    ada.track.unpublish().unwrap();
    let info = stack.egress_in(&started.egress_id, EgressStatus::EgressComplete).await;

    let file = &info.file_results[0];
    let key = format!("calls/standup/ada-{}.ogg", info.egress_id);
    let recorded = RecordedFile::open(&stack.object(&key));
    let manifest = stack.manifest(&key.replace(".ogg", ".json"));
    assert_eq!(
        (file.filename.as_str(), info.details.as_str()),
        (key.as_str(), "End reason: Source closed")
    );
    // LiveKit adds up to 0.2 s of silence at the end of a track.
    assert!(
        (2700.0..=3250.0).contains(&recorded.duration_ms()),
        "{} ms",
        recorded.duration_ms()
    );
    assert!((file.duration as f64 / 1e6 - recorded.duration_ms()).abs() < 1.0);
    assert!(tone_share(recorded.part(0, 500..2500), 440.0) > 0.95);
    assert_eq!(file.size as u64, manifest.trackscribe.size_bytes);
    assert_eq!(manifest.files[0].location, file.location);
    assert!(info.manifest_location.ends_with(&key.replace(".ogg", ".json")));
    assert_eq!(
        (manifest.started_at.0, manifest.ended_at.0),
        (info.started_at, info.ended_at)
    );
    assert_eq!(manifest.publisher_identity.as_str(), "ada");
    assert_eq!(manifest.trackscribe.end.status, "EGRESS_COMPLETE");
    assert!(matches!(info.request, Some(egress_info::Request::Track(_))));
    stack.removed("one").await;
    let announced = async || (stack.egress_events().last()? == "egress_ended").then(|| stack.egress_events());
    let events = wait_until("the end is announced", TIMEOUT, announced).await;
    assert_eq!(
        events,
        ["egress_started", "egress_updated", "egress_updated", "egress_ended"]
    );
    worker.stop().await;
}

#[tokio::test]
async fn a_stop_ends_a_recording_and_a_second_stop_returns_the_current_state() {
    let stack = EgressStack::start().await;
    let worker = stack.worker("one", "").await;
    let ada = stack.publisher("ada", AudioOptions::default()).await;
    let started = stack.record(ada.sid(), "a.ogg").await.unwrap();
    ada.play_tone(440.0, 1000).await;
    stack.egress_in(&started.egress_id, EgressStatus::EgressActive).await;

    let stopped = stack.livekit.egress().stop_egress(&started.egress_id).await.unwrap();
    let ended = stack.egress_in(&started.egress_id, EgressStatus::EgressComplete).await;
    let again = stack.livekit.egress().stop_egress(&started.egress_id).await.unwrap();

    assert_ne!(stopped.status(), EgressStatus::EgressActive);
    assert_eq!(ended.details, "End reason: StopEgress API");
    assert_eq!(again.status(), EgressStatus::EgressComplete);
    assert!(RecordedFile::open(&stack.object("a.ogg")).duration_ms() > 700.0);
    worker.stop().await;
}

#[tokio::test]
async fn two_tracks_of_a_room_share_a_connection_that_leaves_after_the_last() {
    let stack = EgressStack::start().await;
    let worker = stack.worker("one", "").await;
    let ada = stack.publisher("ada", AudioOptions::default()).await;
    let bob = stack.publisher("bob", AudioOptions::default()).await;
    let first = stack.record(ada.sid(), "ada.ogg").await.unwrap();
    let second = stack.record(bob.sid(), "bob.ogg").await.unwrap();

    tokio::join!(ada.play_tone(440.0, 1500), bob.play_tone(660.0, 1500));
    let mut during = stack.identities().await;
    during.sort();
    let recorder = during.pop().unwrap();
    ada.track.unpublish().unwrap();
    stack.egress_in(&first.egress_id, EgressStatus::EgressComplete).await;
    bob.track.unpublish().unwrap();
    stack.egress_in(&second.egress_id, EgressStatus::EgressComplete).await;

    assert_eq!(during, ["ada", "bob"]);
    assert!(recorder.starts_with("egress-one-"), "{recorder}");
    let left = async || (!stack.identities().await.contains(&recorder)).then_some(());
    wait_until("the recorder leaves", TIMEOUT, left).await;
    for (key, hz) in [("ada.ogg", 440.0), ("bob.ogg", 660.0)] {
        let recorded = RecordedFile::open(&stack.object(key));
        assert!(tone_share(recorded.part(0, 300..1000), hz) > 0.95, "{key}");
    }
    worker.stop().await;
}

#[tokio::test]
async fn a_worker_that_is_stopped_stores_its_recordings() {
    let stack = EgressStack::start().await;
    let worker = stack.worker("one", "").await;
    let ada = stack.publisher("ada", AudioOptions::default()).await;
    let started = stack.record(ada.sid(), "a.ogg").await.unwrap();
    ada.play_tone(440.0, 1000).await;

    worker.stop().await;

    let info = stack.egress(&started.egress_id).await.unwrap();
    assert_eq!(stack.identities().await, ["ada"]);
    assert_eq!(
        (info.status(), info.details.as_str()),
        (EgressStatus::EgressComplete, "End reason: Worker shutting down")
    );
    assert!(RecordedFile::open(&stack.object("a.ogg")).duration_ms() > 700.0);
}

#[tokio::test]
async fn a_muted_track_is_active_at_once_and_aborted_if_it_is_never_unmuted() {
    let stack = EgressStack::start().await;
    let worker = stack.worker("one", "").await;
    let ada = stack
        .publisher(
            "ada",
            AudioOptions {
                muted: true,
                ..Default::default()
            },
        )
        .await;
    let started = stack.record(ada.sid(), "a.ogg").await.unwrap();

    stack.egress_in(&started.egress_id, EgressStatus::EgressActive).await;
    ada.leave().await;
    let info = stack.egress_in(&started.egress_id, EgressStatus::EgressAborted).await;

    assert!(
        info.error.starts_with("no_audio") && info.error_code == 412,
        "{}",
        info.error
    );
    stack.removed("one").await;
    worker.stop().await;
}

#[tokio::test]
async fn a_recording_that_reaches_its_limit_is_stored() {
    let stack = EgressStack::start().await;
    let worker = stack
        .worker("one", "session_limits: {file_output_max_duration: 1s}\n")
        .await;
    let ada = stack.publisher("ada", AudioOptions::default()).await;
    let started = stack.record(ada.sid(), "a.ogg").await.unwrap();

    ada.play_tone(440.0, 2000).await;
    let info = stack
        .egress_in(&started.egress_id, EgressStatus::EgressLimitReached)
        .await;

    assert_eq!((info.error.as_str(), info.error_code), ("Session limit reached", 413));
    let recorded = RecordedFile::open(&stack.object("a.ogg"));
    assert!(
        (600.0..=1100.0).contains(&recorded.duration_ms()),
        "{} ms",
        recorded.duration_ms()
    );
    assert_eq!(stack.manifest("a.json").trackscribe.end.status, "EGRESS_LIMIT_REACHED");
    worker.stop().await;
}
