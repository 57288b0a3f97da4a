//! How recordings start, end and are accepted.

use super::support::{Call, RoomStore, at, microphone, only_track_reason, person, zoe};
use crate::event::{CaptureStatus, EventKind};
use crate::job::Job;
use crate::manifest::Fit;
use crate::meeting::{Meeting, Outcome};
use crate::recording::{Coverage, FailureReason, RecordingState, Transcription, VerifiedRecording};
use crate::track::NotRecorded;
use crate::{RecordingId, SampleTime, UnixNanos};

#[test]
fn a_published_track_queues_one_start_and_its_end_one_acceptance() {
    let call = Call::new("RM_1");
    let mut store = RoomStore::with(&[call.published(2, &zoe(), &microphone("TR_1"))]);
    let recording_id = only_recording(&store);
    let capture_id = store.meeting("RM_1").unwrap().captures[0].id;

    for status in [
        CaptureStatus::Starting,
        CaptureStatus::Active,
        CaptureStatus::Ending,
        CaptureStatus::LimitReached,
    ] {
        store.apply(&call.unpublished(8, &zoe(), &microphone("TR_1")));
        store.apply(&call.capture(9, "EG_1", &microphone("TR_1"), status));
    }

    assert_eq!(
        store.jobs,
        [
            Job::StartRecording { capture_id },
            Job::AcceptRecording { recording_id }
        ]
    );
    let RecordingState::Complete(complete) = &store.meeting("RM_1").unwrap().recordings[0].state else {
        panic!()
    };
    assert!(complete.truncated);
    assert_eq!(complete.file.manifest.as_str(), "recordings/EG_1.json");
}

#[test]
fn a_second_capture_of_a_track_does_not_disturb_the_first() {
    let call = Call::new("RM_1");
    let mut store = RoomStore::with(&[
        call.published(2, &zoe(), &microphone("TR_1")),
        call.capture(3, "EG_1", &microphone("TR_1"), CaptureStatus::Active),
    ]);

    let change = store.apply(&call.capture(4, "EG_2", &microphone("TR_1"), CaptureStatus::Active));

    assert!(change.is_empty());
    assert_eq!(change.outcome, Outcome::Deferred);
}

#[test]
fn a_capture_without_an_id_or_of_another_room_is_ignored() {
    let call = Call::new("RM_1");
    let mut store = RoomStore::with(&[call.published(2, &zoe(), &microphone("TR_1"))]);
    let mut report = call.report(9, "EG_1", &microphone("TR_1"), CaptureStatus::Failed);
    report.platform_id = None;

    let without_id = store.apply(&call.event(9, EventKind::CaptureEnded(report)));
    let mut report = call.report(9, "EG_1", &microphone("TR_1"), CaptureStatus::Complete);
    report.room_sid = Some("RM_other".into());
    let elsewhere = store.change("RM_1", |meeting, env| meeting.apply_report(&report, env));

    assert!(without_id.is_empty() && elsewhere.is_empty());
    assert_eq!(
        store.meeting("RM_1").unwrap().recordings[0].state,
        RecordingState::Requested
    );
}

#[test]
fn a_capture_that_ended_before_any_packet_leaves_a_track_without_audio() {
    let call = Call::new("RM_1");

    let store = RoomStore::with(&[
        call.published(2, &zoe(), &microphone("TR_1")),
        call.capture(3, "EG_1", &microphone("TR_1"), CaptureStatus::Aborted),
    ]);

    assert_eq!(failure(&store), Some(FailureReason::NoAudio));
    assert_eq!(only_track_reason(&store), Some(NotRecorded::NoAudio));
}

#[test]
fn a_capture_that_completes_without_a_valid_file_has_failed() {
    let call = Call::new("RM_1");
    for key in [None, Some("../../etc/passwd".to_owned()), Some(String::new())] {
        let mut report = call.report(9, "EG_1", &microphone("TR_1"), CaptureStatus::Complete);
        report.files[0].key = key;

        let store = RoomStore::with(&[
            call.published(2, &zoe(), &microphone("TR_1")),
            call.event(9, EventKind::CaptureEnded(report)),
        ]);

        assert_eq!(failure(&store), Some(FailureReason::NoFile));
    }
}

#[test]
fn an_accepted_recording_is_placed_on_the_meetings_clock_and_transcribed() {
    let mut store = RoomStore::with(&recorded());
    let recording_id = only_recording(&store);

    let change = store.change("RM_1", |meeting, env| {
        meeting.accept_recording(recording_id, verified(), env.now)
    });
    let again = store.change("RM_1", |meeting, env| {
        meeting.accept_recording(recording_id, verified(), env.now)
    });

    assert_eq!(change.jobs, [Job::TranscribeTrack { recording_id }]);
    assert_eq!(
        store.meeting("RM_1").unwrap().recordings[0]
            .acceptance
            .as_ref()
            .unwrap()
            .offset_ms,
        3_595
    );
    assert!(again.is_empty());
}

#[test]
fn a_creation_time_learned_late_moves_accepted_recordings() {
    let call = Call::new("RM_1");
    let track = microphone("TR_1");
    let mut store = RoomStore::with(&[
        call.published(2, &zoe(), &track),
        call.capture(7, "EG_1", &track, CaptureStatus::Complete),
    ]);
    let recording_id = only_recording(&store);
    store.change("RM_1", |meeting, env| {
        meeting.accept_recording(recording_id, verified(), env.now)
    });

    store.apply(&call.joined(2, &zoe()));

    assert_eq!(
        store.meeting("RM_1").unwrap().recordings[0]
            .acceptance
            .as_ref()
            .unwrap()
            .offset_ms,
        3_595
    );
}

#[test]
fn a_closed_meeting_is_merged_once_all_its_recordings_are_settled() {
    let mut store = RoomStore::with(&recorded());
    let recording_id = only_recording(&store);
    let meeting_id = store.meeting("RM_1").unwrap().head.id;
    let merge = Job::MergeTranscript { meeting_id };
    store.change("RM_1", |meeting, env| {
        meeting.accept_recording(recording_id, verified(), env.now)
    });

    let open = store.change("RM_1", |meeting, _| {
        meeting.set_transcription(recording_id, Transcription::Done)
    });
    let closed = store.apply(&Call::new("RM_1").finished(20));
    let again = store.apply(&Call::new("RM_1").left(19, &zoe()));

    assert!(!open.jobs.contains(&merge));
    assert_eq!(closed.jobs, std::slice::from_ref(&merge));
    assert!(!again.jobs.contains(&merge), "the transcript has not changed");
}

#[test]
fn failed_recordings_and_dead_transcriptions_do_not_delay_the_transcript() {
    let call = Call::new("RM_1");
    let bob = person("bob", "PA_2", 2);
    let mut store = RoomStore::with(&recorded());
    store.apply(&call.published(3, &bob, &microphone("TR_2")));
    store.apply(&call.finished(20));
    let meeting = store.meeting("RM_1").unwrap();
    let (recording, capture) = (meeting.recordings[0].id, meeting.captures[1].id);

    let dead = store.change("RM_1", |meeting, _| {
        meeting.set_transcription(recording, Transcription::Dead)
    });
    let failed = store.change("RM_1", |m, s| {
        m.fail_capture(capture, FailureReason::StartFailed, "no recorder".to_owned(), s.now)
    });

    assert_eq!(dead.jobs, []);
    assert!(
        matches!(failed.jobs[..], [Job::MergeTranscript { .. }]),
        "{:?}",
        failed.jobs
    );
}

#[test]
fn audio_reported_after_an_inferred_failure_completes_the_recording() {
    let call = Call::new("RM_1");
    let track = microphone("TR_1");
    for reason in [
        FailureReason::StartFailed,
        FailureReason::TrackGone,
        FailureReason::Stuck,
    ] {
        let mut store = RoomStore::with(&[call.published(2, &zoe(), &track)]);
        let id = only_recording(&store);
        let capture = store.meeting("RM_1").unwrap().captures[0].id;
        store.change("RM_1", |meeting, env| {
            meeting.fail_capture(capture, reason, "gone".to_owned(), env.now)
        });

        store.apply(&call.capture(9, "EG_1", &track, CaptureStatus::Complete));

        assert_eq!(failure(&store), None, "{reason}");
        assert_eq!(store.jobs.last(), Some(&Job::AcceptRecording { recording_id: id }));
    }
}

#[test]
fn a_rejected_object_fails_its_recording() {
    let mut store = RoomStore::with(&recorded());
    let id = only_recording(&store);

    store.change("RM_1", |meeting, env| {
        meeting.reject_recording(id, FailureReason::Mismatch, "another digest".to_owned(), env.now)
    });

    assert_eq!(failure(&store), Some(FailureReason::Mismatch));
}

fn recorded() -> Vec<crate::event::PlatformEvent> {
    let (call, track) = (Call::new("RM_1"), microphone("TR_1"));
    vec![
        call.joined(2, &zoe()),
        call.published(2, &zoe(), &track),
        call.capture(7, "EG_1", &track, CaptureStatus::Complete),
    ]
}

/// Sample 0 is at 4.5 s; the room was created at 0.905 s.
pub fn verified() -> VerifiedRecording {
    let a_ns = UnixNanos::from_datetime(at(4)).saturating_add(500_000_000);
    let fit = Fit {
        a_ns,
        b_ns: 1e9 / 48_000.0,
    };
    VerifiedRecording {
        sha256: "00".repeat(32),
        size_bytes: 12345,
        samples: SampleTime(144_000),
        duration_ms: 3000,
        fit,
        coverage: Coverage::default(),
    }
}

fn only_recording(store: &RoomStore) -> RecordingId {
    let Meeting { recordings, .. } = store.meeting("RM_1").unwrap();
    recordings[0].id
}

fn failure(store: &RoomStore) -> Option<FailureReason> {
    match &store.meeting("RM_1").unwrap().recordings[0].state {
        RecordingState::Failed(failed) => Some(failed.reason),
        _ => None,
    }
}
