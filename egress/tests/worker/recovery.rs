//! Workers that are killed, suspended or unlucky, and the next process, which continues what they left.

use std::{fs, time::Duration};

use domain::manifest::{GapCause, Manifest};
use livekit_protocol::{EgressInfo, EgressStatus};
use prost::Message;
use rtc::publisher::AudioOptions;
use test_support::{
    Microphone, Participant,
    audio::{RecordedFile, SAMPLE_RATE, tone, tone_share},
    wait_until,
};

use crate::support::{
    EgressStack, TIMEOUT,
    bus_client::{call, start},
};

/// The longest hole that a restart may cost. The supervisor of the tests restarts at once.
const LONGEST_HOLE_MS: f64 = 3000.0;

/// A process that is told to stop is gone by then.
const SUSPEND_TIME: Duration = Duration::from_secs(2);

/// A person who speaks, and a worker process that records it.
struct Recorded {
    stack: EgressStack,
    ada: Participant,
    microphone: Microphone,
    egress_id: String,
}

impl Recorded {
    /// Starts to record a person whose microphone is on.
    async fn start(stack: EgressStack) -> Self {
        let ada = stack.participant("ada").await;
        let microphone = ada.microphone().await;
        Self::record(stack, ada, microphone).await
    }

    async fn record(stack: EgressStack, ada: Participant, microphone: Microphone) -> Self {
        let egress_id = stack.record(microphone.sid(), "a.ogg").await.unwrap().egress_id;
        stack.egress_in(&egress_id, EgressStatus::EgressActive).await;
        Self {
            stack,
            ada,
            microphone,
            egress_id,
        }
    }

    async fn play(&self, hz: f64, ms: usize) {
        self.microphone.play(&tone(hz, ms * SAMPLE_RATE / 1000)).await;
    }

    async fn egress_in(&self, status: EgressStatus) -> EgressInfo {
        self.stack.egress_in(&self.egress_id, status).await
    }

    fn file(&self) -> RecordedFile {
        RecordedFile::open(&self.stack.object("a.ogg"))
    }

    fn manifest(&self) -> Manifest {
        self.stack.manifest("a.json")
    }
}

/// How long a tone of `hz` is heard, in steps of 20 ms.
fn heard_ms(file: &RecordedFile, hz: f64) -> usize {
    let steps = file.samples.chunks_exact(SAMPLE_RATE / 50);
    steps
        .filter(|step| test_support::audio::loudness(step) > 0.1 && tone_share(step, hz) > 0.9)
        .count()
        * 20
}

/// The length of all gaps with `cause`.
fn gaps_ms(manifest: &Manifest, cause: GapCause) -> f64 {
    let gaps = manifest.trackscribe.gaps.iter().filter(|gap| gap.cause == cause);
    gaps.map(|gap| gap.samples.0 as f64 / 48.0).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_worker_is_replaced_by_one_that_continues_the_same_file() {
    let stack = EgressStack::start().await;
    let worker = stack.child("one", "").await;
    let meeting = Recorded::start(stack).await;
    meeting.play(440.0, 2000).await;

    worker.kill();
    let worker = meeting.stack.child("one", "").await;
    meeting.play(660.0, 4000).await;
    meeting.microphone.unpublish();
    let info = meeting
        .stack
        .egress_in(&meeting.egress_id, EgressStatus::EgressComplete)
        .await;

    let file = RecordedFile::open(&meeting.stack.object("a.ogg"));
    let manifest = meeting.stack.manifest("a.json");
    let (before, after) = (heard_ms(&file, 440.0), heard_ms(&file, 660.0));
    let hole = gaps_ms(&manifest, GapCause::RecorderRestarted);
    assert!(before >= 1600, "{before} ms were heard before the kill");
    assert!(after >= 3000, "{after} ms were heard after the restart");
    assert!((1.0..LONGEST_HOLE_MS).contains(&hole), "a hole of {hole} ms is listed");
    assert_eq!(info.details, "End reason: Source closed");
    assert_eq!(manifest.trackscribe.end.status, "EGRESS_COMPLETE");
    assert_eq!(manifest.trackscribe.listened.len(), 2);
    assert_eq!(
        meeting.stack.egress_events(),
        ["egress_started", "egress_updated", "egress_updated", "egress_ended"]
    );
    let removed = async || (meeting.stack.spooled("one") == 0).then_some(());
    wait_until("the folder is removed", TIMEOUT, removed).await;
    drop((worker, meeting.ada));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_worker_is_gone_at_once_and_the_next_records_who_was_muted() {
    let stack = EgressStack::start().await;
    let worker = stack.child("one", "").await;
    let ada = stack.participant("ada").await;
    let microphone = ada.muted_microphone().await;
    let meeting = Recorded::record(stack, ada, microphone).await;

    let (status, took) = worker.terminate();
    let worker = meeting.stack.child("one", "").await;
    meeting.microphone.unmute();
    meeting.play(440.0, 2000).await;
    meeting
        .stack
        .livekit
        .egress()
        .stop_egress(&meeting.egress_id)
        .await
        .unwrap();
    let info = meeting.egress_in(EgressStatus::EgressComplete).await;

    assert!(status.success() && took < SUSPEND_TIME, "{status} after {took:?}");
    assert_eq!(info.details, "End reason: StopEgress API");
    let heard = heard_ms(&meeting.file(), 440.0);
    assert!(heard >= 1700, "{heard} ms were heard");
    drop(worker);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_worker_leaves_a_running_recording_to_the_next() {
    let stack = EgressStack::start().await;
    let worker = stack.child("one", "").await;
    let meeting = Recorded::start(stack).await;
    meeting.play(440.0, 1500).await;

    let (status, took) = worker.terminate();
    let worker = meeting.stack.child("one", "").await;
    meeting.play(660.0, 3000).await;
    let stopped = meeting
        .stack
        .livekit
        .egress()
        .stop_egress(&meeting.egress_id)
        .await
        .unwrap();
    meeting.egress_in(EgressStatus::EgressComplete).await;

    let hole = gaps_ms(&meeting.manifest(), GapCause::RecorderRestarted);
    assert!(status.success() && took < SUSPEND_TIME, "{status} after {took:?}");
    assert_ne!(stopped.status(), EgressStatus::EgressActive);
    assert!(hole < LONGEST_HOLE_MS, "a hole of {hole} ms is listed");
    assert!(heard_ms(&meeting.file(), 440.0) >= 1300);
    assert!(heard_ms(&meeting.file(), 660.0) >= 2500);
    drop(worker);
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
    let stack = EgressStack::start().await;
    let worker = stack.child("one", "").await;
    let meeting = Recorded::start(stack).await;

    let mut worker = Some(worker);
    for _ in 0..3 {
        meeting.play(440.0, 1500).await;
        worker.take().unwrap().kill();
        worker = Some(meeting.stack.child("one", "").await);
    }
    meeting.play(440.0, 1500).await;
    meeting
        .stack
        .livekit
        .egress()
        .stop_egress(&meeting.egress_id)
        .await
        .unwrap();
    meeting.egress_in(EgressStatus::EgressComplete).await;

    let manifest = meeting.manifest();
    let holes = gaps_ms(&manifest, GapCause::RecorderRestarted);
    let heard = heard_ms(&meeting.file(), 440.0);
    eprintln!("three restarts made holes of {holes:.0} ms in all; {heard} of 6000 ms were heard");
    assert!(holes < 3.0 * LONGEST_HOLE_MS, "holes of {holes} ms are listed");
    assert!(
        heard as f64 + holes >= 5600.0,
        "{heard} ms were heard, {holes} ms are listed as holes"
    );
    assert_eq!(manifest.trackscribe.listened.len(), 4);
    drop(worker);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_that_was_lost_while_the_worker_was_down_can_be_repeated() {
    let stack = EgressStack::start().await;
    let worker = stack.child("one", "").await;
    let meeting = Recorded::start(stack).await;
    meeting.play(440.0, 1000).await;

    worker.kill();
    let lost = meeting.stack.livekit.egress().stop_egress(&meeting.egress_id).await;
    let worker = meeting.stack.child("one", "").await;
    meeting.play(660.0, 2000).await;
    let stopped = meeting
        .stack
        .livekit
        .egress()
        .stop_egress(&meeting.egress_id)
        .await
        .unwrap();
    let info = meeting.egress_in(EgressStatus::EgressComplete).await;

    assert!(lost.is_err() && stopped.status() != EgressStatus::EgressActive);
    assert_eq!(info.details, "End reason: StopEgress API");
    assert!(heard_ms(&meeting.file(), 660.0) >= 1500);
    drop(worker);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_track_that_ended_while_the_worker_was_down_is_stored_as_interrupted() {
    let stack = EgressStack::start().await;
    let worker = stack.child("one", "").await;
    let meeting = Recorded::start(stack).await;
    meeting.play(440.0, 1500).await;

    worker.kill();
    meeting.microphone.unpublish();
    let worker = meeting.stack.child("one", "").await;
    let info = meeting
        .stack
        .egress_in(&meeting.egress_id, EgressStatus::EgressFailed)
        .await;

    assert!(info.error.starts_with("interrupted: "), "{}", info.error);
    assert!(info.manifest_location.ends_with("a.json") && info.file_results[0].location.ends_with("a.ogg"));
    let file = RecordedFile::open(&meeting.stack.object("a.ogg"));
    assert!(heard_ms(&file, 440.0) >= 1100);
    assert_eq!(meeting.stack.manifest("a.json").trackscribe.end.status, "EGRESS_FAILED");
    drop((worker, meeting.ada));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_muted_person_who_left_while_the_worker_was_down_is_not_reported_as_silent() {
    let stack = EgressStack::start().await;
    let worker = stack.child("one", "").await;
    let ada = stack.participant("ada").await;
    let microphone = ada.muted_microphone().await;
    let meeting = Recorded::record(stack, ada, microphone).await;

    worker.kill();
    meeting.ada.leave().await;
    let worker = meeting.stack.child("one", "").await;
    let info = meeting
        .stack
        .egress_in(&meeting.egress_id, EgressStatus::EgressFailed)
        .await;

    assert!(info.error.starts_with("interrupted: "), "{}", info.error);
    assert_eq!(info.file_results[0].location, "");
    drop(worker);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_that_passed_while_the_worker_was_down_ends_the_recording_as_interrupted() {
    let limit = "session_limits: {file_output_max_duration: 3s}\n";
    let stack = EgressStack::start().await;
    let worker = stack.child("one", limit).await;
    let meeting = Recorded::start(stack).await;
    meeting.play(440.0, 1000).await;

    worker.kill();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let worker = meeting.stack.child("one", limit).await;
    let info = meeting.egress_in(EgressStatus::EgressFailed).await;

    assert!(info.error.starts_with("interrupted: the limit"), "{}", info.error);
    assert!(heard_ms(&meeting.file(), 440.0) >= 700);
    drop(worker);
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
async fn a_recording_that_waits_for_its_store_is_stored_by_the_next_process() {
    let stack = EgressStack::start().await;
    let worker = stack.child("one", "").await;
    let meeting = Recorded::start(stack).await;
    meeting.play(440.0, 1000).await;
    let objects = meeting.stack.objects();
    let away = objects.with_extension("away");
    fs::rename(&objects, &away).unwrap();
    fs::write(&objects, "a file, not a folder").unwrap();

    let stopped = meeting
        .stack
        .livekit
        .egress()
        .stop_egress(&meeting.egress_id)
        .await
        .unwrap();
    worker.kill();
    fs::remove_file(&objects).unwrap();
    fs::rename(&away, &objects).unwrap();
    let worker = meeting.stack.child("one", "").await;
    let info = meeting.egress_in(EgressStatus::EgressComplete).await;

    assert_eq!(stopped.status(), EgressStatus::EgressEnding);
    assert_eq!(info.details, "End reason: StopEgress API");
    assert!(heard_ms(&meeting.file(), 440.0) >= 800);
    drop(worker);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_was_lost_is_repeated_by_the_next_process() {
    let limit = "session_limits: {file_output_max_duration: 2s}\n";
    let stack = EgressStack::start().await;
    let worker = stack.child("one", limit).await;
    let mut meeting = Recorded::start(stack).await;

    meeting.stack.redis.stop();
    let stored = async || meeting.stack.objects().join("a.json").exists().then_some(());
    wait_until("the recording is stored", TIMEOUT, stored).await;
    worker.kill();
    meeting.stack.redis.start_again().await;
    let worker = meeting.stack.child("one", limit).await;
    let info = meeting.egress_in(EgressStatus::EgressLimitReached).await;

    assert!(info.file_results[0].location.ends_with("a.ogg"));
    let removed = async || (meeting.stack.spooled("one") == 0).then_some(());
    wait_until("the folder is removed", TIMEOUT, removed).await;
    drop(worker);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_repeated_after_a_restart_finds_its_egress() {
    let stack = EgressStack::start().await;
    let worker = stack.child("one", "  max_recordings: 1\n").await;
    let ada = stack
        .publisher(
            "ada",
            AudioOptions {
                muted: true,
                ..Default::default()
            },
        )
        .await;
    call(&stack, "StartEgress", start("EG_again", ada.sid())).await;
    stack.egress_in("EG_again", EgressStatus::EgressActive).await;

    worker.kill();
    let worker = stack.child("one", "  max_recordings: 1\n").await;
    let (again, affinity) = call(&stack, "StartEgress", start("EG_again", ada.sid())).await;

    let info = EgressInfo::decode(again.raw_response.as_slice()).unwrap();
    assert_eq!((info.status(), affinity), (EgressStatus::EgressActive, 1.0));
    drop(worker);
}
