//! Every webhook is delivered more than once.

use e2e::stack::Stack;
use test_support::audio::tone;

#[tokio::test]
async fn webhooks_delivered_three_times_at_once_start_one_egress_per_track() {
    let stack = Stack::builder().workers(2).start().await;
    stack.webhooks.repeat(3);
    stack.api().create_room("standup").await;
    let (ada, bob) = (stack.join("standup", "Ada").await, stack.join("standup", "Bob").await);
    let microphones = [ada.microphone().await, bob.microphone().await];
    for microphone in &microphones {
        stack.active_recording("standup", microphone.sid()).await;
    }

    let sound = tone(440.0, 48_000);
    tokio::join!(microphones[0].play(&sound), microphones[1].play(&sound));
    ada.leave().await;
    bob.leave().await;

    for microphone in &microphones {
        stack.accepted_recording("standup", microphone.sid()).await;
    }
    let started = stack
        .webhooks
        .received()
        .iter()
        .filter(|event| *event == "egress_started")
        .count();
    assert_eq!(started, 2);
    assert_eq!(stack.recordings("standup").await.len(), 2);
    assert_eq!(stack.api().meetings("standup").await.len(), 1);
    stack.finish().await;
}
