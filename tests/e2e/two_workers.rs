//! One of two workers dies while it transcribes.

use std::time::Duration;

use e2e::{
    audio::{Voice, words, words_hit},
    stack::Stack,
    wait_until,
};
use sqlx::Row;

const SAID: &str = "the first thing on the agenda is the budget for next year";

/// A lease must run out before another worker takes the job.
const TAKEN_OVER: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_transcription_whose_worker_is_killed_is_done_once_by_another() {
    let mut stack = Stack::start().await;
    stack.api().create_room("standup").await;
    let ada = stack.join("standup", "Ada").await;
    let microphone = ada.microphone().await;
    let track = microphone.sid().to_owned();
    stack.active_recording("standup", &track).await;
    let sentence = Voice::Rms.say(SAID);
    for _ in 0..3 {
        microphone.play(&sentence).await;
    }
    ada.leave().await;

    wait_until("it is being transcribed", Duration::from_secs(20), async || {
        let jobs = stack.database.open_jobs().await;
        jobs.iter()
            .any(|job| job.queue == "transcribe_track" && job.state == "running")
            .then_some(())
    })
    .await;
    stack.kill_oldest_worker();
    stack.add_worker().await;

    let attempts = wait_until("another has transcribed it", TAKEN_OVER, async || {
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
    let heard: Vec<String> = transcript
        .segments
        .iter()
        .flat_map(|segment| words(&segment.text))
        .collect();
    let said = words(&[SAID; 3].join(" "));
    assert_eq!(attempts, 2);
    assert!(words_hit(&said, &heard) >= said.len() * 9 / 10, "{heard:?}");
    assert!(heard.len() <= said.len() + 3, "said more than once? {heard:?}");
    stack.finish().await;
}
