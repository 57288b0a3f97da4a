//! A track that nobody can record has one recording, however often it is asked for.

use super::support::{Call, RoomStore, at, microphone, recorder, zoe};
use crate::capture::{Capture, CaptureState};
use crate::event::{CaptureReport, CaptureStatus, CapturedFile, EventKind, PlatformEvent};
use crate::job::Job;
use crate::meeting::{Change, FactKind, LiveRoom, Outcome};
use crate::recording::{FailureReason, Recording};

const NOT_FOUND: &str = "track TR_1 not found";

#[test]
fn a_track_that_only_the_list_knows_is_asked_for_every_30_s_in_one_recording() {
    let mut store = published();
    let mut attempts = 0;
    for second in 0..3600 {
        store.now = at(second);
        if starts(&store.reconcile(&live())) || second == 0 {
            attempts += 1;
            fail(&mut store, &format!("EG_{attempts}"), NOT_FOUND);
        }
    }

    let recordings = &store.meeting("RM_1").unwrap().recordings;
    assert_eq!((recordings.len(), only(&store).attempts), (1, attempts));
    assert!((119..=125).contains(&attempts), "{attempts}");
    assert_eq!(recordings[0].state.failure(), Some(FailureReason::CaptureFailed));
}

#[test]
fn a_request_that_the_platform_refuses_is_repeated_in_place_and_says_why() {
    let mut store = published();
    for second in [10, 20, 30] {
        store.now = at(second);
        refuse(&mut store, "no such track");
        store.reconcile(&live());
    }

    let capture = only(&store);
    assert_eq!((&capture.state, capture.attempts), (&CaptureState::Requested, 4));
    assert_eq!(capture.earlier_failure, Some(FailureReason::TrackGone));
    assert_eq!(capture.last_error.as_deref(), Some("no such track"));
    assert_eq!(states(&store), ["requested"]);
}

#[test]
fn the_error_of_an_attempt_is_shown_until_a_recorder_records() {
    let mut store = retried();
    let asked = only(&store).clone();

    answer(&mut store, &asked, "EG_2");
    let requested = only(&store).last_error.clone();
    store.apply(&call().capture(70, "EG_2", &microphone("TR_1"), CaptureStatus::Active));

    assert_eq!(requested.as_deref(), Some(NOT_FOUND));
    assert_eq!(only(&store).last_error, None);
}

#[test]
fn what_holds_audio_or_may_still_hold_some_is_kept() {
    let table = [
        ("a packet was heard", heard("EG_1")),
        (
            "the recorder listened",
            report("EG_1", "no_audio: the track ended before it sent a packet"),
        ),
    ];
    for (case, report) in table {
        let mut store = published();
        store.apply(&ended(&report));
        store.now = at(60);
        store.reconcile(&live());
        assert_eq!(states(&store).len(), 2, "{case}");
    }
    let mut lost = published();
    lost.apply(&call().capture(4, "EG_1", &microphone("TR_1"), CaptureStatus::Active));
    for second in [60, 65] {
        lost.now = at(second);
        lost.reconcile(&live().with(recorder(&["EG_other"])));
    }
    assert_eq!(states(&lost), ["failed", "requested"]);
}

#[test]
fn a_late_report_of_an_earlier_attempt_does_not_answer_the_repeated_request() {
    let late = [
        call().capture(3, "EG_1", &microphone("TR_1"), CaptureStatus::Starting),
        call().capture(4, "EG_1", &microphone("TR_1"), CaptureStatus::Active),
        ended(&report("EG_1", NOT_FOUND)),
    ];
    for event in late {
        let mut store = retried();

        let change = store.apply(&event);

        assert_eq!(
            (change.outcome, change.recordings),
            (Outcome::Ignored, vec![]),
            "{event:?}"
        );
    }
}

#[test]
fn a_late_answer_to_an_earlier_attempt_is_not_taken_for_this_ones() {
    let mut store = published();
    let asked = only(&store).clone();
    fail(&mut store, "EG_1", NOT_FOUND);
    store.now = at(60);
    store.reconcile(&live());

    answer(&mut store, &asked, "EG_1");
    let after_the_old_answer = only(&store).platform_id.clone();
    let asked = only(&store).clone();
    answer(&mut store, &asked, "EG_2");

    assert_eq!(after_the_old_answer, None);
    assert_eq!(only(&store).platform_id, Some("EG_2".into()));
}

#[test]
fn a_recorder_whose_clock_is_behind_still_answers_its_request() {
    let mut store = retried();
    let asked = only(&store).clone();
    let mut behind = call().report(1, "EG_2", &microphone("TR_1"), CaptureStatus::Starting);

    store.change("RM_1", |m, env| m.apply_answer(&asked, &behind, env));
    behind.status = CaptureStatus::Active;
    store.apply(&call().event(71, EventKind::CaptureUpdated(behind)));

    assert_eq!(states(&store), ["active"]);
}

#[test]
fn the_file_of_an_earlier_attempt_is_never_refused() {
    for is_answered in [false, true] {
        let mut store = retried();
        if is_answered {
            store.apply(&call().capture(70, "EG_2", &microphone("TR_1"), CaptureStatus::Active));
        }

        store.apply(&call().capture(30, "EG_1", &microphone("TR_1"), CaptureStatus::Complete));

        let meeting = store.meeting("RM_1").unwrap();
        let capture = meeting.capture_by_platform_id(&"EG_1".into()).unwrap();
        let mut whole = meeting.recordings_by(capture.id);
        assert!(whole.any(Recording::awaits_acceptance), "{is_answered}: {meeting:?}");
        assert_eq!(states(&store).len(), 1 + usize::from(is_answered));
    }
}

#[test]
fn an_attempt_that_repeats_another_tells_nothing_until_something_is_different() {
    let mut store = published();
    let mut told = vec![fail(&mut store, "EG_1", NOT_FOUND)];
    for (second, capture) in [(60, "EG_2"), (120, "EG_3")] {
        store.now = at(second);
        told.push(store.reconcile(&live()));
        told.push(fail(&mut store, capture, NOT_FOUND));
    }
    store.now = at(180);
    store.reconcile(&live());
    told.push(fail(&mut store, "EG_4", "media_unreachable: no connection"));

    let kinds: Vec<_> = told.iter().flat_map(|change| &change.facts).map(|f| f.kind).collect();
    assert_eq!(kinds, [FactKind::RecordingFailed; 2]);
}

fn call() -> Call {
    Call::new("RM_1")
}

/// Zoë's microphone, published and requested.
fn published() -> RoomStore {
    let call = call();
    RoomStore::with(&[call.joined(1, &zoe()), call.published(2, &zoe(), &microphone("TR_1"))])
}

/// The same, after the first attempt has failed, and another was requested.
fn retried() -> RoomStore {
    let mut store = published();
    store.now = at(40);
    fail(&mut store, "EG_1", NOT_FOUND);
    store.now = at(60);
    assert!(starts(&store.reconcile(&live())));
    assert_eq!(states(&store), ["requested"]);
    store
}

fn live() -> LiveRoom {
    call().live(&[(&zoe(), &[microphone("TR_1")])])
}

/// Answers the open request with a capture, which then fails.
fn fail(store: &mut RoomStore, capture: &str, error: &str) -> Change {
    let asked = only(store).clone();
    answer(store, &asked, capture);
    let mut failed = report(capture, error);
    failed.updated_at = Some(store.now);
    store.apply(&ended(&failed))
}

fn refuse(store: &mut RoomStore, error: &str) {
    let id = only(store).id;
    store.change("RM_1", |m, env| {
        m.fail_capture(id, FailureReason::TrackGone, error.to_owned(), env.now)
    });
}

/// The platform answers the request that `asked` describes.
fn answer(store: &mut RoomStore, asked: &Capture, capture: &str) {
    let mut report = call().report(3, capture, &microphone("TR_1"), CaptureStatus::Starting);
    report.updated_at = Some(store.now);
    store.change("RM_1", |m, env| m.apply_answer(asked, &report, env));
}

/// A capture that failed with an error before its first packet.
fn report(capture: &str, error: &str) -> CaptureReport {
    let mut report = call().report(30, capture, &microphone("TR_1"), CaptureStatus::Failed);
    report.error = Some(error.to_owned());
    report.files.clear();
    report
}

/// A capture that has failed after its first packet.
fn heard(capture: &str) -> CaptureReport {
    let file = CapturedFile {
        started_at: Some(at(4)),
        ..CapturedFile::default()
    };
    CaptureReport {
        files: vec![file],
        ..report(capture, "internal error")
    }
}

fn ended(report: &CaptureReport) -> PlatformEvent {
    call().event(30, EventKind::CaptureEnded(report.clone()))
}

fn only(store: &RoomStore) -> &Capture {
    let captures = &store.meeting("RM_1").unwrap().captures;
    assert_eq!(captures.len(), 1, "{captures:?}");
    &captures[0]
}

fn states(store: &RoomStore) -> Vec<&str> {
    let recordings = &store.meeting("RM_1").unwrap().recordings;
    recordings.iter().map(|r| r.state.as_str()).collect()
}

fn starts(change: &Change) -> bool {
    change.jobs.iter().any(|job| matches!(job, Job::StartRecording { .. }))
}
