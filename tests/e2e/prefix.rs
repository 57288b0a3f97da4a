//! The egress puts a prefix before every key, and others use the same rooms and the same bucket.

use std::time::Duration;

use domain::manifest::Manifest;
use e2e::stack::Stack;
use livekit_api::services::egress::{EgressListFilter, EgressListOptions, TrackEgressOutput};
use livekit_protocol::{DirectFileOutput, EgressStatus};
use test_support::{
    Store,
    audio::{Chirp, RecordedFile},
    wait_until,
};

const PREFIX: &str = "tenants/a b/zoë";

/// Longest time to the end of an egress of someone else.
const TIMEOUT: Duration = Duration::from_secs(30);

#[tokio::test]
async fn recordings_below_a_prefix_are_accepted_and_a_foreign_egress_of_the_same_track_is_left_alone() {
    let stack = Stack::builder()
        .store(Store::bucket().await.below(PREFIX))
        .start()
        .await;
    stack.api().create_room("standup").await;
    let ada = stack.join("standup", "Ada").await;
    let microphone = ada.microphone().await;
    let track = microphone.sid().to_owned();
    let file = DirectFileOutput {
        filepath: "theirs/{track_id}.ogg".to_owned(),
        ..Default::default()
    };
    let egress = stack.livekit.egress();
    let theirs = egress
        .start_track_egress("standup", TrackEgressOutput::File(Box::new(file)), &track)
        .await
        .unwrap();
    let ours = stack.active_recording("standup", &track).await;
    let chirp = Chirp::default();
    microphone.play(&chirp.at(&[0, 24_000], 48_000)).await;
    ada.leave().await;

    let recording = stack.accepted_recording("standup", &track).await;
    let manifest = stack.manifest(&recording).await;
    let meeting = stack.transcribed("standup", "empty").await;
    let ended = wait_until("their egress is complete", TIMEOUT, async || {
        let options = EgressListOptions {
            filter: EgressListFilter::Egress(theirs.egress_id.clone()),
            ..Default::default()
        };
        let info = egress.list_egress(options).await.unwrap().remove(0);
        (info.status() == EgressStatus::EgressComplete).then_some(info)
    })
    .await;

    let key = recording.object_key.clone().unwrap();
    assert_ne!(ours.egress_id.unwrap(), theirs.egress_id);
    assert!(
        key.starts_with(&format!("{PREFIX}/recordings/standup/{}/", meeting.id)),
        "{key}"
    );
    assert_eq!(recording.manifest_key.clone().unwrap(), key.replace(".ogg", ".json"));
    assert_eq!(Some(&manifest.trackscribe.sha256), recording.sha256.as_ref());
    assert_eq!(chirp.find(&stack.decode(&recording).await.samples).len(), 2);
    let recordings = stack.recordings("standup").await;
    assert_eq!(recordings.len(), 1, "{recordings:?}");
    assert_eq!(ended.file_results[0].filename, format!("theirs/{track}.ogg"));
    let their_key = format!("{PREFIX}/theirs/{track}.ogg");
    let their_audio = stack.store.read(&their_key).await;
    assert_eq!(chirp.find(&RecordedFile::open(&their_audio).samples).len(), 2);
    let their_manifest = stack.store.read(&their_key.replace(".ogg", ".json")).await;
    assert!(Manifest::from_json(&their_manifest).is_ok());
    stack.finish().await;
}
