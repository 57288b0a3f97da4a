//! A publisher with LiveKit's own SDK on libwebrtc, which uses DTX and RED by default.

use std::{process::Stdio, time::Duration};

use e2e::{api::Recording, sdk, stack::Stack};
use test_support::audio::{loudness, tone_share};
use tokio::process::Command;

/// Timeout for the recording; the script plays for seven seconds.
const RECORDING_TIMEOUT: Duration = Duration::from_secs(40);

/// How far the SDK's queue and codec shift a tone, in samples.
const POSITION_TOLERANCE: usize = 48 * 40;

#[tokio::test]
async fn tones_and_pauses_of_the_official_sdk_are_recorded_at_their_positions() {
    let stack = Stack::start().await;
    stack.api().create_room("standup").await;
    let join = stack.api().join("standup", "Ada").await;

    let output = Command::new(sdk::python())
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/sdk_publisher.py"))
        .args([&join.url, &join.token])
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();

    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let published: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let track = published["track_sid"].as_str().unwrap();
    let is_accepted = |recording: &Recording| recording.state == "complete" && recording.offset_ms.is_some();
    let recording = stack
        .recording("standup", track, "it is accepted", RECORDING_TIMEOUT, is_accepted)
        .await;
    let (file, manifest) = (stack.decode(&recording).await, stack.manifest(&recording).await);
    let first = onset(&file.samples, 0, 440.0);
    let second = onset(&file.samples, first + 48_000, 880.0);
    assert!(
        (second - first).abs_diff(4 * 48_000) <= POSITION_TOLERANCE,
        "{} samples apart",
        second - first
    );
    assert!(tone_share(file.part(first, 100..900), 440.0) > 0.9);
    assert!(loudness(file.part(first, 1200..3800)) < 0.01);
    assert!(tone_share(file.part(second, 100..900), 880.0) > 0.9);
    assert!((file.duration_ms() - manifest.trackscribe.samples.0 as f64 / 48.0).abs() < 50.0);
    stack.finish().await;
}

/// Returns the sample at which a tone starts, accurate to 5 ms.
fn onset(sound: &[f32], from: usize, hz: f64) -> usize {
    let step = 240;
    let is_tone = |start: &usize| {
        let part = &sound[*start..*start + 960];
        loudness(part) > 0.1 && tone_share(part, hz) > 0.5
    };
    let start = (from..sound.len() - 960).step_by(step).find(is_tone);
    start.unwrap_or_else(|| panic!("no tone of {hz} Hz after sample {from}"))
}
