//! Sessions that panic, with a real livekit-server: what was heard is stored, and nobody believes that they still record.

use domain::{EgressId, manifest::GapCause};
use livekit_protocol::EgressStatus;
use test_support::{
    Microphone,
    audio::{SAMPLE_RATE, tone},
    wait_until,
};

use super::faults::panic_at_packets;
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

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_panics_once_is_continued_in_the_same_file() {
    let stack = EgressStack::start().await;
    let worker = stack.worker("one", "").await;
    let ada = stack.participant("ada").await;
    let microphone = ada.microphone().await;
    let id = recorded(&stack, &microphone, "a.ogg").await;
    play(&microphone, 1500).await;

    panic_at_packets(&id, 1);
    play(&microphone, 2000).await;
    microphone.unpublish();
    stack.egress_in(id.as_str(), EgressStatus::EgressComplete).await;

    let manifest = stack.manifest("a.json");
    let holes = manifest.trackscribe.gaps.iter();
    let hole = holes
        .filter(|gap| gap.cause == GapCause::RecorderRestarted)
        .map(|gap| gap.samples.as_millis())
        .sum::<i64>();
    assert!((1..2000).contains(&hole), "a hole of {hole} ms is listed");
    assert!(manifest.trackscribe.samples.as_millis() >= 3000);
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

    panic_at_packets(&id, u32::MAX);
    let failed = stack.egress_in(id.as_str(), EgressStatus::EgressFailed).await;
    sound.unpublish();
    stack.egress_in(other.as_str(), EgressStatus::EgressComplete).await;

    let file = &failed.file_results[0];
    assert!(failed.error.starts_with("interrupted: "), "{}", failed.error);
    assert!(file.location.ends_with("a.ogg") && file.size > 0, "{file:?}");
    assert!(file.duration >= 1_000_000_000, "{file:?}");
    assert_eq!(stack.object("a.ogg").len() as i64, file.size);
    let removed = async || (stack.spooled("one") == 0).then_some(());
    wait_until("the folders are removed", TIMEOUT, removed).await;
    worker.stop().await;
    drop((ada, bob));
}
