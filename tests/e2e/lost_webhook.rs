//! A webhook is lost.

use std::time::Duration;

use e2e::{api::Recording, stack::Stack};
use test_support::audio::Chirp;

/// The coverage reconciler runs every 15 s; then the egress has to start.
const RECONCILE_TIMEOUT: Duration = Duration::from_secs(35);

#[tokio::test]
async fn a_track_whose_webhook_was_lost_is_recorded() {
    let stack = Stack::start().await;
    stack.webhooks.drop_events("track_published");
    stack.api().create_room("standup").await;
    let ada = stack.join("standup", "Ada").await;
    let microphone = ada.microphone().await;
    let track = microphone.sid().to_owned();

    let is_active = |recording: &Recording| recording.state == "active";
    stack
        .recording(
            "standup",
            &track,
            "the reconciler has requested it",
            RECONCILE_TIMEOUT,
            is_active,
        )
        .await;
    let chirp = Chirp::default();
    microphone.play(&chirp.at(&[0, 24_000], 48_000)).await;
    ada.leave().await;

    let recording = stack.accepted_recording("standup", &track).await;
    assert_eq!(chirp.find(&stack.decode(&recording).await.samples).len(), 2);
    stack.finish().await;
}
