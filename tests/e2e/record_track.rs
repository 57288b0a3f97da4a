//! One track from the first webhook to an accepted file.

use e2e::stack::Stack;
use sha2::{Digest, Sha256};
use test_support::audio::{Chirp, loudness, silence, tone, tone_share};

/// Largest difference between the file's length in its manifest and as decoded, in ms.
const LENGTH_TOLERANCE_MS: f64 = 50.0;

/// The codec shifts a sound by one or two samples.
const SAMPLE_TOLERANCE: usize = 3;

#[tokio::test]
async fn a_published_track_becomes_a_file_with_the_same_sound() {
    let stack = Stack::start().await;
    stack.api().create_room("standup").await;
    let ada = stack.join("standup", "Ada").await;
    let microphone = ada.microphone().await;
    let track = microphone.sid().to_owned();
    stack.active_recording("standup", &track).await;

    let chirp = Chirp::default();
    let parts = [
        chirp.at(&[0], 24_000),
        tone(440.0, 48_000),
        silence(48_000),
        tone(880.0, 48_000),
        chirp.at(&[0], 24_000),
    ];
    microphone.play(&parts.concat()).await;
    ada.leave().await;

    let recording = stack.accepted_recording("standup", &track).await;
    let (file, manifest) = (stack.decode(&recording).await, stack.manifest(&recording).await);
    let chirps = chirp.find(&file.samples);
    let [first, last] = chirps[..] else {
        panic!("two chirps were played, found at {chirps:?}")
    };
    assert!(
        (last - first).abs_diff(3 * 48_000 + 24_000) <= SAMPLE_TOLERANCE,
        "{} samples apart",
        last - first
    );
    assert!(tone_share(file.part(first, 600..1400), 440.0) > 0.9);
    assert!(loudness(file.part(first, 1600..2400)) < 0.01);
    assert!(tone_share(file.part(first, 2600..3400), 880.0) > 0.9);
    let length_ms = manifest.trackscribe.samples.0 as f64 / 48.0;
    assert!(
        (file.duration_ms() - length_ms).abs() < LENGTH_TOLERANCE_MS,
        "{} of {length_ms} ms",
        file.duration_ms()
    );
    stack.finish().await;
}

#[tokio::test]
async fn row_object_and_manifest_agree() {
    let stack = Stack::start().await;
    stack.api().create_room("standup").await;
    let ada = stack.join("standup", "Ada").await;
    let microphone = ada.microphone().await;
    let track = microphone.sid().to_owned();
    stack.active_recording("standup", &track).await;

    microphone.play(&tone(440.0, 96_000)).await;
    let identity = ada.identity.clone();
    ada.leave().await;

    let recording = stack.accepted_recording("standup", &track).await;
    let (meeting, manifest) = (stack.meeting("standup").await, stack.manifest(&recording).await);
    let (key, egress) = (
        recording.object_key.clone().unwrap(),
        recording.egress_id.clone().unwrap(),
    );
    let object = stack.store.read(&key).await;
    assert_eq!(
        key,
        format!("recordings/standup/{}/{identity}/{track}-{egress}.ogg", meeting.id)
    );
    assert_eq!(recording.manifest_key.unwrap(), key.replace(".ogg", ".json"));
    assert_eq!(recording.identity, identity);
    assert_eq!(recording.sha256.unwrap(), hex::encode(Sha256::digest(&object)));
    assert_eq!(recording.size_bytes, Some(object.len() as i64));
    assert_eq!(manifest.trackscribe.size_bytes, object.len() as u64);
    assert_eq!(manifest.publisher_identity.as_str(), identity);
    assert_eq!(manifest.trackscribe.participant.name, "Ada");
    assert_eq!(manifest.trackscribe.counts.lost, 0);
    let duration_ms = manifest.trackscribe.samples.as_millis();
    assert!((recording.duration_ms.unwrap() - duration_ms).abs() <= 1);
    assert_eq!(stack.api().audio(&recording.id).await, object);
    stack.finish().await;
}
