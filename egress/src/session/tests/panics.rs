//! Sessions that panic, with a real livekit-server: what was heard is stored, and nobody believes that they still record.

use domain::{
    PlatformCaptureId as EgressId,
    manifest::{GapCause, Manifest},
};
use livekit_protocol::EgressStatus;
use test_support::{
    Microphone,
    audio::{SAMPLE_RATE, tone},
    wait_until,
};

use crate::{
    faults::{Point, panic_at},
    spool::{Spool, SpoolConfig},
};
use support::{EgressStack, TIMEOUT};

#[path = "../../../tests/worker/support/mod.rs"]
#[expect(dead_code, unused_imports, reason = "the worker's tests use more of it")]
mod support;

async fn recorded(stack: &EgressStack, microphone: &Microphone, file: &str) -> EgressId {
    let id = stack.record(microphone.sid(), file).await.unwrap().egress_id;
    stack.egress_in(&id, EgressStatus::EgressActive).await;
    id.as_str().into()
}

async fn play(microphone: &Microphone, ms: usize) {
    microphone.play(&tone(440.0, ms * SAMPLE_RATE / 1000)).await;
}

/// The length of the listed hole that a restart left, and that of the file, in milliseconds.
fn hole_and_length(manifest: &Manifest) -> (i64, i64) {
    let gaps = manifest.trackscribe.gaps.iter();
    let holes = gaps.filter(|gap| gap.cause == GapCause::RecorderRestarted);
    let hole = holes.map(|gap| gap.samples.as_millis()).sum();
    (hole, manifest.trackscribe.samples.as_millis())
}

/// Waits until the tasks of a worker that ended in this process have let go of its spool.
async fn unlocked(stack: &EgressStack) {
    let root = stack.spool("one");
    let is_free = async || {
        let config = SpoolConfig {
            root: root.clone(),
            min_free_bytes: 0,
            max_backlog_bytes: 0,
        };
        Spool::open(config).is_ok().then_some(())
    };
    wait_until("the spool is unlocked", TIMEOUT, is_free).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_panics_once_is_continued_in_the_same_file() {
    let stack = EgressStack::start().await;
    let worker = stack.worker("one", "").await;
    let ada = stack.participant("ada").await;
    let microphone = ada.microphone().await;
    let id = recorded(&stack, &microphone, "a.ogg").await;
    play(&microphone, 1500).await;

    panic_at(Point::Packet, id.as_str(), 1);
    play(&microphone, 2000).await;
    microphone.unpublish();
    stack.egress_in(id.as_str(), EgressStatus::EgressComplete).await;

    let (hole, length) = hole_and_length(&stack.manifest("a.json"));
    assert!((1..2000).contains(&hole), "a hole of {hole} ms is listed");
    assert!(length >= 3000, "{length} ms were recorded");
    worker.stop().await;
    drop(ada);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_panics_again_and_again_fails_with_its_file_and_disturbs_no_other() {
    let stack = EgressStack::start().await;
    let worker = stack.worker("one", "").await;
    let (ada, bob) = (stack.participant("ada").await, stack.participant("bob").await);
    let (broken, sound) = (ada.microphone().await, bob.microphone().await);
    let id = recorded(&stack, &broken, "a.ogg").await;
    let other = recorded(&stack, &sound, "b.ogg").await;
    play(&broken, 1500).await;

    panic_at(Point::Packet, id.as_str(), u32::MAX);
    let failed = stack.egress_in(id.as_str(), EgressStatus::EgressFailed).await;
    sound.unpublish();
    stack.egress_in(other.as_str(), EgressStatus::EgressComplete).await;

    let file = &failed.file_results[0];
    assert!(failed.error.starts_with("interrupted: "), "{}", failed.error);
    assert!(file.location.ends_with("a.ogg") && file.size > 0, "{file:?}");
    assert!(file.duration >= 1_000_000_000, "{file:?}");
    assert_eq!(stack.object("a.ogg").len() as i64, file.size);
    stack.removed("one").await;
    worker.stop().await;
    drop((ada, bob));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_recordings_of_a_room_whose_task_panics_go_on_and_new_ones_begin() {
    let stack = EgressStack::start().await;
    let worker = stack.worker("one", "").await;
    let (ada, bob) = (stack.participant("ada").await, stack.participant("bob").await);
    let (first, second) = (ada.microphone().await, bob.microphone().await);
    let id = recorded(&stack, &first, "a.ogg").await;
    play(&first, 1500).await;

    let room_sid = stack.egress(id.as_str()).await.unwrap().room_id;
    panic_at(Point::Room, &room_sid, 1);
    play(&first, 3000).await;
    let other = recorded(&stack, &second, "b.ogg").await;
    first.unpublish();
    second.unpublish();
    stack.egress_in(id.as_str(), EgressStatus::EgressComplete).await;
    stack.egress_in(other.as_str(), EgressStatus::EgressComplete).await;

    let (hole, length) = hole_and_length(&stack.manifest("a.json"));
    assert!((1..3000).contains(&hole), "a hole of {hole} ms is listed");
    assert!(length >= 4000, "{length} ms were recorded");
    worker.stop().await;
    drop((ada, bob));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_stored_because_of_a_bug_is_reported_and_stored_by_the_next_process() {
    let stack = EgressStack::start().await;
    let worker = stack.worker("one", "").await;
    let ada = stack.participant("ada").await;
    let microphone = ada.microphone().await;
    let id = recorded(&stack, &microphone, "a.ogg").await;
    play(&microphone, 1500).await;

    panic_at(Point::Store, id.as_str(), u32::MAX);
    microphone.unpublish();
    let given_up = stack.egress_in(id.as_str(), EgressStatus::EgressFailed).await;
    let spooled = stack.spooled("one");
    worker.stop().await;
    panic_at(Point::Store, id.as_str(), 0);
    unlocked(&stack).await;
    let worker = stack.worker("one", "").await;
    let stored = stack.egress_in(id.as_str(), EgressStatus::EgressComplete).await;

    assert!(given_up.error.starts_with("interrupted: "), "{}", given_up.error);
    assert_eq!((spooled, given_up.file_results[0].location.as_str()), (1, ""));
    assert!(stored.file_results[0].location.ends_with("a.ogg"));
    assert!(stored.updated_at > 0 && stored.error.is_empty(), "{stored:?}");
    worker.stop().await;
    drop(ada);
}
