//! The only recorder is killed, and does not come back for a while.

use std::time::Duration;

use e2e::{api::Recording, stack::Stack};
use test_support::{Microphone, audio::Chirp, wait_until};

/// livekit-server waits up to 20 s for a participant that vanished. Then the recorder has 5 s to return, and another one is
/// requested and joins.
const REPLACED_WITHIN: Duration = Duration::from_secs(45);

/// How long the restarted recorder may take to report what it had recorded.
const REPORTED_WITHIN: Duration = Duration::from_secs(30);

#[tokio::test]
async fn another_recorder_takes_the_track_and_the_lost_one_delivers_its_part_later() {
    let mut stack = Stack::start().await;
    stack.api().create_room("standup").await;
    let ada = stack.join("standup", "Ada").await;
    let microphone = ada.microphone().await;
    let first = stack.active_recording("standup", microphone.sid()).await;
    play(&microphone).await;

    stack.kill_egress();
    stack.add_egress("egress-2").await;
    let second = wait_until("another recorder has taken the track", REPLACED_WITHIN, async || {
        let recordings = stack.recordings("standup").await;
        recordings.into_iter().find(|r| r.state == "active" && r.id != first.id)
    })
    .await;
    let believed_lost = stack.api().recording(&first.id).await;
    play(&microphone).await;
    stack.start_egress().await;
    let delivered = wait_until("the lost part is accepted", REPORTED_WITHIN, async || {
        let recording = stack.api().recording(&first.id).await;
        recording.sha256.is_some().then_some(recording)
    })
    .await;
    ada.leave().await;

    assert_eq!(reason(&believed_lost), ("failed", Some("lost"), true));
    assert_eq!(reason(&delivered), ("failed", Some("interrupted"), false));
    let replacement = wait_until("the second part is accepted", REPORTED_WITHIN, async || {
        let recording = stack.api().recording(&second.id).await;
        recording.sha256.is_some().then_some(recording)
    })
    .await;
    assert_eq!(reason(&replacement), ("complete", None, false));
    for part in [&delivered, &replacement] {
        let heard = Chirp::default().find(&stack.decode(part).await.samples);
        assert_eq!(heard.len(), 1, "{part:?}");
    }
    stack.transcribed("standup", "empty").await;
    stack.finish().await;
}

/// Plays one chirp, a second after the last sound.
async fn play(microphone: &Microphone) {
    microphone.play(&Chirp::default().at(&[24_000], 72_000)).await;
}

fn reason(recording: &Recording) -> (&str, Option<&str>, bool) {
    (&recording.state, recording.reason.as_deref(), recording.guess)
}
