//! A webhook that never comes.

use std::time::Duration;

use e2e::{api::Recording, audio::Chirp, stack::Stack};

/// Coverage looks every 15 s; then the egress has to start.
const COVERED: Duration = Duration::from_secs(35);

#[tokio::test]
async fn a_track_that_no_webhook_told_of_is_recorded() {
    let stack = Stack::start().await;
    stack.webhooks.lose("track_published");
    stack.api().create_room("standup").await;
    let ada = stack.join("standup", "Ada").await;
    let microphone = ada.microphone().await;
    let track = microphone.sid().to_owned();

    let is_active = |recording: &Recording| recording.state == "active";
    stack
        .recording("standup", &track, "coverage has found it", COVERED, is_active)
        .await;
    let chirp = Chirp::default();
    microphone.play(&chirp.at(&[0, 24_000], 48_000)).await;
    ada.leave().await;

    let recording = stack.accepted_recording("standup", &track).await;
    assert_eq!(chirp.find(&stack.listen(&recording).await.samples).len(), 2);
    stack.finish().await;
}
