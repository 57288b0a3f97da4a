//! A participant joins after the others.

use std::time::Duration;

use e2e::stack::Stack;
use test_support::audio::tone;

#[tokio::test]
async fn the_recording_of_a_late_joiner_has_a_later_offset_in_the_same_meeting() {
    let stack = Stack::builder().folder_store().start().await;
    stack.api().create_room("standup").await;
    let ada = stack.join("standup", "Ada").await;
    let early = ada.microphone().await;
    stack.active_recording("standup", early.sid()).await;
    early.play(&tone(440.0, 96_000)).await;

    let bob = stack.join("standup", "Bob").await;
    let late = bob.microphone().await;
    stack.active_recording("standup", late.sid()).await;
    late.play(&tone(440.0, 48_000)).await;
    let tracks = [early.sid().to_owned(), late.sid().to_owned()];
    ada.leave().await;
    bob.leave().await;

    let first = stack.accepted_recording("standup", &tracks[0]).await;
    let second = stack.accepted_recording("standup", &tracks[1]).await;
    let later = Duration::from_millis((second.offset_ms.unwrap() - first.offset_ms.unwrap()).unsigned_abs());
    assert!(second.offset_ms > first.offset_ms);
    assert!(later >= Duration::from_secs(2), "{later:?} later");
    assert!(second.duration_ms < first.duration_ms);
    assert_eq!(stack.api().meetings("standup").await.len(), 1);
    stack.finish().await;
}
