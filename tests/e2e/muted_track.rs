//! Microphones that are muted or replaced.

use std::time::{Duration, Instant};

use e2e::stack::Stack;
use test_support::audio::Chirp;

/// The publisher's timestamps continue through a mute; only the server's reaction to it varies.
const TOLERANCE_MS: u128 = 60;

/// Time between mute and unmute.
const MUTED: Duration = Duration::from_secs(3);

#[tokio::test]
async fn a_mute_is_recorded_as_silence_of_the_same_length() {
    let stack = Stack::start().await;
    stack.api().create_room("standup").await;
    let ada = stack.join("standup", "Ada").await;
    let microphone = ada.microphone().await;
    let track = microphone.sid().to_owned();
    stack.active_recording("standup", &track).await;
    let chirp = Chirp::default();
    let sound = chirp.at(&[0], 24_000);

    let first = Instant::now() + Duration::from_millis(300);
    microphone.play_at(first, &sound).await;
    microphone.mute();
    let second = first + MUTED + Duration::from_secs(1);
    tokio::time::sleep_until((second - Duration::from_millis(600)).into()).await;
    microphone.unmute();
    microphone.play_at(second, &sound).await;
    ada.leave().await;

    let recording = stack.accepted_recording("standup", &track).await;
    let (file, manifest) = (stack.decode(&recording).await, stack.manifest(&recording).await);
    let chirps = chirp.find(&file.samples);
    let [before, after] = chirps[..] else {
        panic!("two chirps were played, found at {chirps:?}")
    };
    let apart_ms = ((after - before) / 48) as u128;
    assert!(
        apart_ms.abs_diff((second - first).as_millis()) <= TOLERANCE_MS,
        "{apart_ms} ms apart"
    );
    let silent_ms: i64 = manifest
        .trackscribe
        .gaps
        .iter()
        .map(|gap| gap.samples.as_millis())
        .sum();
    assert!(silent_ms >= 1500, "gaps: {:?}", manifest.trackscribe.gaps);
    assert_eq!(manifest.trackscribe.mutes.len(), 1, "{:?}", manifest.trackscribe.mutes);
    stack.finish().await;
}

#[tokio::test]
async fn a_replaced_microphone_leaves_two_files_of_one_participant() {
    let stack = Stack::start().await;
    stack.api().create_room("standup").await;
    let ada = stack.join("standup", "Ada").await;
    let chirp = Chirp::default();
    let mut tracks = Vec::new();

    for count in [1, 2] {
        let microphone = ada.microphone().await;
        tracks.push(microphone.sid().to_owned());
        stack.active_recording("standup", microphone.sid()).await;
        let starts: Vec<usize> = (0..count).map(|n| n * 12_000).collect();
        microphone.play(&chirp.at(&starts, 36_000)).await;
        microphone.unpublish();
    }
    ada.leave().await;

    for (track, count) in tracks.iter().zip([1, 2]) {
        let recording = stack.accepted_recording("standup", track).await;
        assert_eq!(chirp.find(&stack.decode(&recording).await.samples).len(), count);
    }
    let recordings = stack.recordings("standup").await;
    assert_eq!(recordings.len(), 2);
    assert_eq!(recordings[0].identity, recordings[1].identity);
    stack.finish().await;
}

#[tokio::test]
async fn a_microphone_that_starts_muted_is_recorded_from_its_first_packet() {
    let stack = Stack::start().await;
    stack.api().create_room("standup").await;
    let ada = stack.join("standup", "Ada").await;
    let microphone = ada.muted_microphone().await;
    let track = microphone.sid().to_owned();
    stack.active_recording("standup", &track).await;
    let chirp = Chirp::default();

    microphone.unmute();
    microphone.play(&chirp.at(&[12_000, 36_000], 60_000)).await;
    ada.leave().await;

    let recording = stack.accepted_recording("standup", &track).await;
    assert_eq!(chirp.find(&stack.decode(&recording).await.samples).len(), 2);
    stack.finish().await;
}
