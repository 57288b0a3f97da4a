//! Clients that reach LiveKit's signalling only through the server.

use std::process::Stdio;

use e2e::{sdk, stack::Stack};
use test_support::{
    Participant,
    audio::{tone, tone_share},
};
use tokio::process::Command;

#[tokio::test]
async fn clients_join_publish_and_are_recorded_through_the_server() {
    let stack = Stack::builder().setting("TRACKSCRIBE_LOG", "debug").start().await;
    stack.api().create_room("standup").await;
    let url = stack.api().signalling_url();
    let join = stack.api().join("standup", "Ada").await;
    let ada = Participant::join_with_token(&stack.livekit, &join.identity, &url, &join.token).await;
    let microphone = ada.microphone().await;
    let adas_track = microphone.sid().to_owned();
    stack.active_recording("standup", &adas_track).await;

    let (sdks_track, token) = play_with_the_sdk(&stack, &url).await;
    microphone.play(&tone(440.0, 48_000)).await;
    ada.leave().await;

    for track in [adas_track, sdks_track] {
        let recording = stack.accepted_recording("standup", &track).await;
        let file = stack.decode(&recording).await;
        let loudest = (0..file.samples.len() / 4_800)
            .map(|n| tone_share(&file.samples[n * 4_800..][..4_800], 440.0))
            .fold(0.0, f32::max);
        assert!(loudest > 0.9, "{track}: {loudest}");
    }
    assert!(!stack.servers_log().contains(&token));
    stack.finish().await;
}

/// Plays tones with LiveKit's Python SDK and returns the track and the token.
async fn play_with_the_sdk(stack: &Stack, url: &str) -> (String, String) {
    let join = stack.api().join("standup", "Grace").await;
    let output = Command::new(sdk::python())
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/sdk_publisher.py"))
        .args([url, &join.token])
        .stdin(Stdio::null())
        .output()
        .await
        .expect("the SDK's Python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let published: serde_json::Value = serde_json::from_slice(&output.stdout).expect("a track in JSON");
    (
        published["track_sid"].as_str().expect("a track id").to_owned(),
        join.token,
    )
}
