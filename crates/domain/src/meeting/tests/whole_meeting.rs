//! A capture of the whole meeting makes a recording of each file that the platform reports.

use super::support::{Call, RoomStore, microphone, person, zoe};
use crate::event::{CaptureReport, CaptureStatus, CapturedFile, EventKind};
use crate::job::Job;
use crate::meeting::{Meeting, Outcome};
use crate::recording::{FailureReason, Recording};

#[test]
fn a_report_with_several_files_makes_a_recording_of_each_and_later_ones_update_them() {
    let mut store = answered();

    let first = report(
        &mut store,
        CaptureStatus::Complete,
        &[of("f1", "zoe", "TR_1"), mixed("f2")],
    );
    let again = report(
        &mut store,
        CaptureStatus::Complete,
        &[of("f1", "zoe", "TR_1"), mixed("f2")],
    );
    let late = report(
        &mut store,
        CaptureStatus::Complete,
        &[mixed("f2"), of("f3", "bob", "TR_9")],
    );

    assert_eq!(
        (first.recordings.len(), again.recordings.len(), late.recordings.len()),
        (2, 0, 1)
    );
    assert!(first.jobs.iter().all(|job| matches!(job, Job::AcceptRecording { .. })));
    assert_eq!(
        outline(store.meeting("RM_1").unwrap()),
        [
            "f1 of zoe, TR_1: complete recordings/f1.ogg",
            "f2 mixed: complete recordings/f2.ogg",
            "f3 of bob, no track: complete recordings/f3.ogg",
        ]
    );
}

#[test]
fn a_file_without_an_id_or_a_key_makes_no_recording_and_a_bad_key_neither() {
    let mut store = answered();
    let files = [
        CapturedFile {
            id: None,
            ..mixed("f1")
        },
        CapturedFile {
            key: None,
            ..mixed("f2")
        },
        CapturedFile {
            key: Some("../../etc/passwd".to_owned()),
            ..mixed("f3")
        },
    ];

    report(&mut store, CaptureStatus::Complete, &files);

    assert_eq!(store.meeting("RM_1").unwrap().recordings, []);
}

#[test]
fn files_are_taken_when_the_capture_ends_also_if_it_failed() {
    let mut store = answered();

    let active = report(&mut store, CaptureStatus::Active, &[mixed("f1")]);
    report(&mut store, CaptureStatus::Failed, &[mixed("f1")]);
    let cut = outline(store.meeting("RM_1").unwrap());
    report(&mut store, CaptureStatus::Complete, &[mixed("f1")]);

    assert_eq!(active.recordings, []);
    assert_eq!(cut, ["f1 mixed: failed recordings/f1.ogg"]);
    assert_eq!(
        outline(store.meeting("RM_1").unwrap()),
        ["f1 mixed: complete recordings/f1.ogg"]
    );
}

#[test]
fn who_is_heard_may_be_told_later_and_stays_known() {
    let mut store = answered();
    let nameless = || CapturedFile {
        mixed: false,
        ..mixed("f1")
    };

    report(&mut store, CaptureStatus::Complete, &[nameless()]);
    report(&mut store, CaptureStatus::Complete, &[of("f1", "zoe", "TR_1")]);
    report(&mut store, CaptureStatus::Complete, &[nameless()]);

    assert_eq!(
        outline(store.meeting("RM_1").unwrap()),
        ["f1 of zoe, TR_1: complete recordings/f1.ogg"]
    );
}

#[test]
fn a_report_that_comes_before_the_answer_to_the_request_waits_for_it() {
    let mut store = requested();
    let ended = capture_report(CaptureStatus::Complete, &[mixed("f1")]);

    let early = store.apply(&Call::new("RM_1").event(20, EventKind::CaptureEnded(ended)));
    let waiting = store.meeting("RM_1").unwrap().recordings.len();
    answer(&mut store);
    store.apply(&Call::new("RM_1").event(
        21,
        EventKind::CaptureUpdated(capture_report(CaptureStatus::Ending, &[])),
    ));

    assert_eq!((early.outcome, waiting), (Outcome::Deferred, 0));
    assert_eq!(
        outline(store.meeting("RM_1").unwrap()),
        ["f1 mixed: complete recordings/f1.ogg"]
    );
}

#[test]
fn a_report_that_names_only_a_connection_waits_until_it_is_known_whose_it_is() {
    let mut store = answered();
    let file = CapturedFile {
        participant_sid: Some("PA_3".into()),
        mixed: false,
        ..mixed("f1")
    };
    let ended = capture_report(CaptureStatus::Complete, &[file]);

    let early = store.apply(&Call::new("RM_1").event(20, EventKind::CaptureEnded(ended)));
    let waiting = store.meeting("RM_1").unwrap().recordings.len();
    store.apply(&Call::new("RM_1").joined(3, &person("ada", "PA_3", 3)));

    assert_eq!((early.outcome, waiting), (Outcome::Deferred, 0));
    assert_eq!(
        outline(store.meeting("RM_1").unwrap()),
        ["f1 of ada, no track: complete recordings/f1.ogg"]
    );
}

#[test]
fn a_capture_of_somebody_else_is_ignored() {
    let mut store = answered();
    let mut foreign = capture_report(CaptureStatus::Complete, &[mixed("f1")]);
    foreign.platform_id = Some("theirs".into());

    let change = store.apply(&Call::new("RM_1").event(20, EventKind::CaptureEnded(foreign)));

    assert_eq!((change.outcome, change.recordings), (Outcome::Ignored, vec![]));
}

#[test]
fn a_meeting_is_merged_after_its_capture_has_ended_and_every_file_is_transcribed() {
    let mut store = answered();
    let meeting_id = store.meeting("RM_1").unwrap().head.id;
    let closed = store.apply(&Call::new("RM_1").finished(30));

    let failed = store.change("RM_1", |m, env| {
        m.fail_capture(
            m.captures.last().unwrap().id,
            FailureReason::Stuck,
            "no end".to_owned(),
            env.now,
        )
    });

    assert_eq!(
        (closed.jobs, failed.jobs),
        (vec![], vec![Job::MergeTranscript { meeting_id }])
    );
}

#[test]
fn one_capture_of_the_whole_meeting_is_open_at_a_time() {
    let mut store = answered();

    let second = store.change("RM_1", Meeting::request_capture);

    assert!(second.is_empty());
}

/// A meeting of Zoe and Bob in a room that records no tracks, and a request to capture all of it.
fn requested() -> RoomStore {
    let (call, mut store) = (Call::new("RM_1"), RoomStore::new());
    store.room.recording = crate::room::RecordingPolicy::Off;
    store.apply(&call.joined(1, &zoe()));
    store.apply(&call.joined(1, &person("bob", "PA_2", 1)));
    store.apply(&call.published(2, &zoe(), &microphone("TR_1")));
    let change = store.change("RM_1", Meeting::request_capture);
    let capture_id = change.captures[0].id;
    assert_eq!(
        (change.jobs, change.recordings),
        (vec![Job::StartRecording { capture_id }], vec![])
    );
    store
}

fn answered() -> RoomStore {
    let mut store = requested();
    answer(&mut store);
    store
}

fn answer(store: &mut RoomStore) {
    let asked = store.meeting("RM_1").unwrap().captures[0].clone();
    let report = capture_report(CaptureStatus::Starting, &[]);
    store.change("RM_1", |m, env| m.apply_answer(&asked, &report, env));
}

fn report(store: &mut RoomStore, status: CaptureStatus, files: &[CapturedFile]) -> crate::meeting::Change {
    let report = capture_report(status, files);
    store.change("RM_1", |m, env| m.apply_report(&report, env))
}

fn capture_report(status: CaptureStatus, files: &[CapturedFile]) -> CaptureReport {
    CaptureReport {
        track_sid: None,
        requested_file: None,
        files: files.to_vec(),
        updated_at: None,
        ..Call::new("RM_1").report(9, "capture-1", &microphone("TR_1"), status)
    }
}

fn mixed(id: &str) -> CapturedFile {
    CapturedFile {
        id: Some(id.into()),
        key: Some(format!("recordings/{id}.ogg")),
        size_bytes: Some(7),
        mixed: true,
        ..CapturedFile::default()
    }
}

fn of(id: &str, identity: &str, track: &str) -> CapturedFile {
    CapturedFile {
        identity: Some(identity.into()),
        track_sid: Some(track.into()),
        mixed: false,
        ..mixed(id)
    }
}

fn outline(meeting: &Meeting) -> Vec<String> {
    let line = |r: &Recording| {
        let id = r.platform_file_id.as_ref().unwrap();
        let track = r.track.as_ref().map_or("no track", |track| track.sid.as_str());
        let who = match &r.identity {
            _ if r.mixed => "mixed".to_owned(),
            Some(identity) => format!("of {identity}, {track}"),
            None => "of nobody".to_owned(),
        };
        format!("{id} {who}: {} {}", r.state.as_str(), r.state.file().unwrap().object)
    };
    meeting.recordings.iter().map(line).collect()
}
