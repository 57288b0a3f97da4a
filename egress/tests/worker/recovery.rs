//! Workers that are killed, and the next process, which continues what they left.

use std::time::Duration;

use livekit_protocol::{EgressInfo, EgressStatus};
use prost::Message;
use rtc::publisher::AudioOptions;
use test_support::{
    audio::{RecordedFile, SAMPLE_RATE, tone},
    wait_until,
};

use crate::support::{
    EgressStack, Recorded, TIMEOUT,
    bus_client::{call, start},
    heard_ms,
};

/// The longest hole that a restart may cost. The supervisor of the tests restarts at once.
const LONGEST_HOLE_MS: f64 = 3000.0;

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_worker_is_replaced_by_one_that_continues_the_same_file() {
    let mut meeting = Recorded::start().await;
    let before = meeting.egress_in(EgressStatus::EgressActive).await;
    meeting.play(440.0, 2000).await;

    meeting.kill();
    meeting.restart().await;
    meeting.play(660.0, 4000).await;
    let after = meeting.egress_in(EgressStatus::EgressActive).await;
    meeting.unpublish();
    let info = meeting.egress_in(EgressStatus::EgressComplete).await;

    let (before_ms, after_ms, hole) = (meeting.heard_ms(440.0), meeting.heard_ms(660.0), meeting.hole_ms());
    assert!(before_ms >= 1600, "{before_ms} ms were heard before the kill");
    assert!(after_ms >= 3000, "{after_ms} ms were heard after the restart");
    assert!((1.0..LONGEST_HOLE_MS).contains(&hole), "a hole of {hole} ms is listed");
    assert_eq!(info.details, "End reason: Source closed");
    assert!(after.updated_at > before.updated_at, "the return is not reported");
    let manifest = meeting.manifest();
    assert_eq!(manifest.trackscribe.end.status, "EGRESS_COMPLETE");
    assert_eq!(manifest.trackscribe.listened.len(), 2);
    // active, active again, ending
    assert_eq!(
        meeting.stack.egress_events(),
        [
            "egress_started",
            "egress_updated",
            "egress_updated",
            "egress_updated",
            "egress_ended"
        ]
    );
    meeting.removed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_survives_a_kill_at_any_moment_of_its_start() {
    let stack = EgressStack::start().await;
    let ada = stack.participant("ada").await;
    let microphone = ada.microphone().await;

    for after_ms in [0, 20, 100, 200, 400] {
        let worker = stack.child("one", "").await;
        let path = format!("{after_ms}.ogg");
        let id = stack.record(microphone.sid(), &path).await.unwrap().egress_id;
        tokio::time::sleep(Duration::from_millis(after_ms)).await;
        worker.kill();
        let worker = stack.child("one", "").await;
        stack.egress_in(&id, EgressStatus::EgressActive).await;
        microphone.play(&tone(440.0, 1500 * SAMPLE_RATE / 1000)).await;
        stack.livekit.egress().stop_egress(&id).await.unwrap();
        stack.egress_in(&id, EgressStatus::EgressComplete).await;

        let heard = heard_ms(&RecordedFile::open(&stack.object(&path)), 440.0);
        assert!(heard >= 500, "killed after {after_ms} ms: {heard} ms were heard");
        worker.kill();
    }
    let announced = stack.egress_events();
    let count = |event: &str| announced.iter().filter(|name| *name == event).count();
    assert_eq!((count("egress_started"), count("egress_ended")), (5, 5));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_file_survives_many_kills_and_lists_each_hole() {
    let mut meeting = Recorded::start().await;

    for _ in 0..3 {
        meeting.play(440.0, 1500).await;
        meeting.kill();
        meeting.restart().await;
    }
    meeting.play(440.0, 1500).await;
    meeting.stop().await;
    meeting.egress_in(EgressStatus::EgressComplete).await;

    let (heard, holes) = (meeting.heard_ms(440.0), meeting.hole_ms());
    eprintln!("three restarts made holes of {holes:.0} ms in all; {heard} of 6000 ms were heard");
    assert!(holes < 3.0 * LONGEST_HOLE_MS, "holes of {holes} ms are listed");
    assert!(
        heard as f64 + holes >= 5600.0,
        "{heard} ms were heard, {holes} ms are listed as holes"
    );
    assert_eq!(meeting.manifest().trackscribe.listened.len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_that_was_lost_while_the_worker_was_down_can_be_repeated() {
    let mut meeting = Recorded::start().await;
    meeting.play(440.0, 1000).await;

    meeting.kill();
    let lost = meeting.stack.livekit.egress().stop_egress(&meeting.egress_id).await;
    meeting.restart().await;
    meeting.play(660.0, 2000).await;
    let stopped = meeting.stop().await;
    let info = meeting.egress_in(EgressStatus::EgressComplete).await;

    assert!(lost.is_err() && stopped.status() != EgressStatus::EgressActive);
    assert_eq!(info.details, "End reason: StopEgress API");
    assert!(meeting.heard_ms(660.0) >= 1500);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_track_that_ended_while_the_worker_was_down_is_stored_as_interrupted() {
    let mut meeting = Recorded::start().await;
    meeting.play(440.0, 1500).await;

    meeting.kill();
    meeting.unpublish();
    meeting.restart().await;
    let info = meeting.egress_in(EgressStatus::EgressFailed).await;

    let file = &info.file_results[0];
    assert!(info.error.starts_with("interrupted: "), "{}", info.error);
    assert!(info.manifest_location.ends_with("a.json") && file.location.ends_with("a.ogg"));
    assert_eq!(file.size, meeting.stack.object("a.ogg").len() as i64);
    assert!(file.duration >= 1_100_000_000, "{file:?}");
    assert!(meeting.heard_ms(440.0) >= 1100);
    assert_eq!(meeting.manifest().trackscribe.end.status, "EGRESS_FAILED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_muted_person_who_left_while_the_worker_was_down_is_not_reported_as_silent() {
    let mut meeting = Recorded::start_muted().await;

    meeting.kill();
    meeting.leave().await;
    meeting.restart().await;
    let info = meeting.egress_in(EgressStatus::EgressFailed).await;

    assert!(info.error.starts_with("interrupted: "), "{}", info.error);
    assert_eq!(info.file_results[0].location, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_that_passed_while_the_worker_was_down_ends_the_recording_as_interrupted() {
    let mut meeting = Recorded::start_with("session_limits: {file_output_max_duration: 3s}\n").await;
    meeting.play(440.0, 1000).await;

    meeting.kill();
    tokio::time::sleep(Duration::from_secs(3)).await;
    meeting.restart().await;
    let info = meeting.egress_in(EgressStatus::EgressFailed).await;

    assert!(info.error.starts_with("interrupted: the limit"), "{}", info.error);
    assert!(meeting.heard_ms(440.0) >= 700);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_egress_that_was_requested_again_meanwhile_is_closed_and_the_new_one_goes_on() {
    let stack = EgressStack::start().await;
    let worker = stack.child("one", "").await;
    let path = "{track_id}-{egress_id}.ogg";
    let ada = stack.participant("ada").await;
    let microphone = ada.microphone().await;
    let first = stack.record(microphone.sid(), path).await.unwrap().egress_id;
    stack.egress_in(&first, EgressStatus::EgressActive).await;

    worker.kill();
    let other = stack.worker("two", "").await;
    let second = stack.record(microphone.sid(), path).await.unwrap().egress_id;
    stack.egress_in(&second, EgressStatus::EgressActive).await;
    let worker = stack.child("one", "").await;
    let closed = stack.egress_in(&first, EgressStatus::EgressFailed).await;

    assert!(
        closed.error.starts_with("interrupted: another egress"),
        "{}",
        closed.error
    );
    assert_eq!(
        stack.egress(&second).await.unwrap().status(),
        EgressStatus::EgressActive
    );
    microphone.unpublish();
    stack.egress_in(&second, EgressStatus::EgressComplete).await;
    other.stop().await;
    drop((worker, ada));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_repeated_after_a_restart_finds_its_egress() {
    let stack = EgressStack::start().await;
    let worker = stack.child("one", "  max_recordings: 1\n").await;
    let muted = AudioOptions {
        muted: true,
        ..Default::default()
    };
    let ada = stack.publisher("ada", muted).await;
    call(&stack, "StartEgress", start("EG_again", ada.sid())).await;
    stack.egress_in("EG_again", EgressStatus::EgressActive).await;
    let state = stack.spool("one").join("EG_again/state.json");
    let is_saved = async || {
        let saved = std::fs::read_to_string(&state).unwrap_or_default();
        saved.contains("active").then_some(())
    };
    wait_until("the state is saved", TIMEOUT, is_saved).await;

    worker.kill();
    let worker = stack.child("one", "  max_recordings: 1\n").await;
    let (again, affinity) = call(&stack, "StartEgress", start("EG_again", ada.sid())).await;

    let info = EgressInfo::decode(again.raw_response.as_slice()).unwrap();
    assert_eq!((info.status(), affinity), (EgressStatus::EgressActive, 1.0));
    drop(worker);
}
