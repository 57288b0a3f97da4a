//! A publisher that we did not write: LiveKit's own SDK on libwebrtc, with DTX and RED as it comes.

use std::{process::Stdio, time::Duration};

use e2e::{
    api::Recording,
    audio::{loudness, tone_share},
    sdk,
    stack::Stack,
};
use tokio::process::Command;

/// The script plays for seven seconds.
const PLAYED: Duration = Duration::from_secs(40);

/// A tone's place, in samples: the SDK's own queue and its codec move it that far.
const PLACE: usize = 48 * 40;

#[tokio::test]
async fn what_the_official_sdk_publishes_is_recorded_at_its_place_with_its_pauses() {
    let stack = Stack::start().await;
    stack.api().create_room("standup").await;
    let joined = stack.api().join("standup", "Ada").await;

    let output = Command::new(sdk::python())
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/sdk_publisher.py"))
        .args([&joined.url, &joined.token])
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();

    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let published: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let track = published["track_sid"].as_str().unwrap();
    let is_accepted = |recording: &Recording| recording.state == "complete" && recording.offset_ms.is_some();
    let recording = stack
        .recording("standup", track, "it is accepted", PLAYED, is_accepted)
        .await;
    let (file, manifest) = (stack.listen(&recording).await, stack.manifest(&recording).await);
    let first = onset(&file.samples, 0, 440.0);
    let second = onset(&file.samples, first + 48_000, 880.0);
    assert!(
        (second - first).abs_diff(4 * 48_000) <= PLACE,
        "{} samples apart",
        second - first
    );
    assert!(tone_share(file.part(first, 100..900), 440.0) > 0.9);
    assert!(loudness(file.part(first, 1200..3800)) < 0.01);
    assert!(tone_share(file.part(second, 100..900), 880.0) > 0.9);
    assert!((file.duration_ms() - manifest.trackscribe.samples as f64 / 48.0).abs() < 50.0);
    stack.finish().await;
}

/// The first sample from which on a tone is heard, to 5 ms.
fn onset(sound: &[f32], from: usize, hz: f64) -> usize {
    let step = 240;
    let is_tone = |start: &usize| {
        let part = &sound[*start..*start + 960];
        loudness(part) > 0.1 && tone_share(part, hz) > 0.5
    };
    let heard = (from..sound.len() - 960).step_by(step).find(is_tone);
    heard.unwrap_or_else(|| panic!("no tone of {hz} Hz after sample {from}"))
}
