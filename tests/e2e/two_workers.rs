//! A worker is killed while it transcribes.

use std::time::Duration;

use domain::transcript::accuracy::{words, words_hit};
use e2e::stack::Stack;
use sqlx::Row;
use test_support::{audio::Voice, wait_until};

const SENTENCE: &str = "the first thing on the agenda is the budget for next year";

/// The lease must expire before another worker claims the job.
const TAKEOVER_TIMEOUT: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_transcription_whose_worker_is_killed_is_completed_once_by_another() {
    let mut stack = Stack::start().await;
    stack.api().create_room("standup").await;
    let ada = stack.join("standup", "Ada").await;
    let microphone = ada.microphone().await;
    let track = microphone.sid().to_owned();
    stack.active_recording("standup", &track).await;
    let sentence = Voice::Rms.say(SENTENCE);
    for _ in 0..3 {
        microphone.play(&sentence).await;
    }
    ada.leave().await;

    wait_until("the transcription runs", Duration::from_secs(20), async || {
        let jobs = stack.database.open_jobs().await;
        jobs.iter()
            .any(|job| job.queue == "transcribe_track" && job.state == "running")
            .then_some(())
    })
    .await;
    stack.kill_oldest_worker();
    stack.add_worker().await;

    let attempts = wait_until("another worker has completed it", TAKEOVER_TIMEOUT, async || {
        let sql = "SELECT attempt FROM jobs WHERE queue = 'transcribe_track' AND state = 'done'";
        let row = sqlx::query(sql)
            .fetch_optional(&mut stack.database.connect().await)
            .await
            .unwrap();
        row.map(|row| row.get::<i32, _>("attempt"))
    })
    .await;
    let meeting = stack.transcribed("standup", "ready").await;
    let transcript = stack.api().transcript(&meeting.id).await;
    let recognized: Vec<String> = transcript
        .segments
        .iter()
        .flat_map(|segment| words(&segment.text))
        .collect();
    let spoken = words(&[SENTENCE; 3].join(" "));
    assert_eq!(attempts, 1, "a stored chunk sets the attempts back");
    assert!(
        words_hit(&spoken, &recognized) >= spoken.len() * 9 / 10,
        "{recognized:?}"
    );
    assert!(
        recognized.len() <= spoken.len() + 3,
        "transcribed more than once? {recognized:?}"
    );
    stack.finish().await;
}
