//! Recordings are controlled in one worker process and transcribed in another.

use domain::transcript::accuracy::{words, words_hit};
use e2e::stack::Stack;
use test_support::audio::Voice;

const SENTENCE: &str = "the first thing on the agenda is the budget for next year";

#[tokio::test]
async fn recordings_start_and_are_accepted_while_the_speech_pool_is_dead() {
    let mut stack = Stack::builder().workers(0).start().await;
    stack.add_worker_with(&[("TRACKSCRIBE_WORKER_POOL", "speech")]).await;
    stack.add_worker_with(&[("TRACKSCRIBE_WORKER_POOL", "control")]).await;
    stack.kill_oldest_worker();
    stack.api().create_room("standup").await;

    let ada = stack.join("standup", "Ada").await;
    let microphone = ada.microphone().await;
    let track = microphone.sid().to_owned();
    stack.active_recording("standup", &track).await;
    microphone.play(&Voice::Rms.say(SENTENCE)).await;
    ada.leave().await;
    stack.accepted_recording("standup", &track).await;
    let waiting = stack.database.open_jobs().await;
    stack.add_worker_with(&[("TRACKSCRIBE_WORKER_POOL", "speech")]).await;

    let meeting = stack.transcribed("standup", "ready").await;
    let transcript = stack.api().transcript(&meeting.id).await;
    let recognized: Vec<String> = transcript
        .segments
        .iter()
        .flat_map(|segment| words(&segment.text))
        .collect();
    let spoken = words(SENTENCE);
    assert!(
        waiting
            .iter()
            .any(|job| job.queue == "transcribe_track" && job.state == "ready"),
        "{waiting:?}"
    );
    assert!(
        words_hit(&spoken, &recognized) >= spoken.len() * 9 / 10,
        "{recognized:?}"
    );
    stack.finish().await;
}
