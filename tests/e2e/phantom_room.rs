//! livekit-server is killed and everybody leaves meanwhile: the next one lists a room, people and tracks that are gone.
//! Webhooks are hints; here, the one that would tell so is lost.

use std::time::Duration;

use e2e::{api::Recording, stack::Stack};
use test_support::wait_until;

/// A recorder looks for a track for 30 s. Then another one is requested.
const REPEATED_WITHIN: Duration = Duration::from_secs(120);

#[tokio::test]
async fn a_track_that_is_only_listed_has_one_recording_more_however_often_it_is_asked_for() {
    let mut stack = Stack::start().await;
    stack.api().create_room("standup").await;
    let ada = stack.join("standup", "Ada").await;
    let microphone = ada.microphone().await;
    let track = microphone.sid().to_owned();
    let real = stack.active_recording("standup", &track).await;

    stack.webhooks.drop_events("room_started"); // it would tell that the tracks of the earlier server have ended
    stack.livekit.kill();
    drop((microphone, ada));
    stack.livekit.start_again().await;
    let recordings = wait_until(
        "the track is asked for in vain and again",
        REPEATED_WITHIN,
        async || {
            let recordings = stack.recordings("standup").await;
            let is_repeated = |recording: &Recording| recording.attempts > 1;
            recordings.iter().any(is_repeated).then_some(recordings)
        },
    )
    .await;

    let [first, vain] = &recordings[..] else {
        panic!("one real recording and one in vain: {recordings:?}")
    };
    assert_eq!((&first.id, &vain.track_sid), (&real.id, &track));
    assert!(
        vain.error.as_ref().is_some_and(|why| why.contains("not found")),
        "{vain:?}"
    );
    stack.finish().await;
}
