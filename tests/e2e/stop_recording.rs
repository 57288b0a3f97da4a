//! An operator stops an egress through LiveKit's own API.

use e2e::stack::Stack;
use test_support::audio::Chirp;

#[tokio::test]
async fn an_egress_that_an_operator_stops_leaves_an_accepted_file() {
    let stack = Stack::start().await;
    stack.api().create_room("standup").await;
    let ada = stack.join("standup", "Ada").await;
    let microphone = ada.microphone().await;
    let track = microphone.sid().to_owned();
    let active = stack.active_recording("standup", &track).await;
    let chirp = Chirp::default();
    microphone.play(&chirp.at(&[0, 24_000], 48_000)).await;

    let stopped = stack
        .livekit
        .egress()
        .stop_egress(&active.egress_id.unwrap())
        .await
        .unwrap();

    let recording = stack.accepted_recording("standup", &track).await;
    assert_eq!(stopped.egress_id, recording.egress_id.clone().unwrap());
    assert_eq!(chirp.find(&stack.decode(&recording).await.samples).len(), 2);
    ada.leave().await;
    stack.finish().await;
}
