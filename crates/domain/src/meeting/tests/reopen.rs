//! What can be tried again after it was given up.

use super::support::{Call, RoomStore, microphone, zoe};
use crate::RecordingId;
use crate::event::CaptureStatus;
use crate::job::Job;
use crate::meeting::{CannotReopen, Change};
use crate::recording::{FailureReason, RecordingState, Transcription};

#[test]
fn a_recording_that_was_not_accepted_is_verified_again() {
    let (mut store, recording_id) = complete();
    store.change("RM_1", |m, _| {
        m.give_up_acceptance(recording_id, "the store does not answer".to_owned())
    });
    assert!(store.meeting("RM_1").unwrap().recordings[0].is_guess());
    let job = Job::AcceptRecording { recording_id };

    let change = reopen(&mut store, &job).unwrap();

    assert_eq!(change.jobs, [job]);
    assert!(store.meeting("RM_1").unwrap().recordings[0].awaits_acceptance());
}

#[test]
fn a_recording_whose_object_was_missing_is_verified_again_when_an_operator_says_so() {
    let (mut store, recording_id) = complete();
    store.change("RM_1", |m, env| {
        m.reject_recording(
            recording_id,
            FailureReason::Mismatch,
            "other digest".to_owned(),
            env.now,
        )
    });

    let change = reopen(&mut store, &Job::AcceptRecording { recording_id }).unwrap();

    assert!(matches!(change.recordings[0].state, RecordingState::Complete(_)));
}

#[test]
fn a_dead_transcription_is_done_again() {
    let (mut store, recording_id) = complete();
    let job = Job::TranscribeTrack { recording_id };
    let early = reopen(&mut store, &job).unwrap_err();
    let verified = super::recordings::verified();
    store.change("RM_1", |m, env| m.accept_recording(recording_id, verified, env.now));
    store.change("RM_1", |m, _| m.set_transcription(recording_id, Transcription::Dead));

    let change = reopen(&mut store, &job).unwrap();
    store.change("RM_1", |m, _| m.set_transcription(recording_id, Transcription::Done));
    let late = reopen(&mut store, &job).unwrap_err();

    assert_eq!(change.jobs, [job]);
    assert_eq!(
        (early, late),
        (CannotReopen::NotAccepted, CannotReopen::Done("transcribed"))
    );
}

#[test]
fn a_request_is_repeated_only_while_its_track_is_live_and_not_recorded() {
    let call = Call::new("RM_1");
    let (mut store, _) = requested();
    let capture_id = store.meeting("RM_1").unwrap().captures[0].id;
    let job = Job::StartRecording { capture_id };
    store.change("RM_1", |m, env| {
        m.fail_capture(capture_id, FailureReason::StartFailed, "refused".to_owned(), env.now)
    });

    let again = reopen(&mut store, &job).unwrap();
    store.apply(&call.capture(3, "EG_1", &microphone("TR_1"), CaptureStatus::Active));
    let running = reopen(&mut store, &job).unwrap_err();
    let (mut over, _) = requested();
    over.apply(&call.unpublished(9, &zoe(), &microphone("TR_1")));
    let ended = reopen(&mut over, &job).unwrap_err();

    assert_eq!(again.jobs, [job]);
    assert_eq!(
        running.to_string(),
        "the capture is active; there is nothing to request"
    );
    assert_eq!(ended, CannotReopen::TrackEnded);
}

#[test]
fn what_cannot_be_reopened_says_why() {
    let call = Call::new("RM_1");
    let (mut store, recording_id) = requested();
    store.apply(&call.capture(3, "EG_1", &microphone("TR_1"), CaptureStatus::Aborted));
    let meeting_id = store.meeting("RM_1").unwrap().head.id;
    let gone = RecordingId(uuid::Uuid::max());
    let table = [
        (
            Job::AcceptRecording { recording_id },
            "the recording has no file: it is failed (no_audio)",
        ),
        (
            Job::TranscribeTrack { recording_id },
            "the file has not been verified; retry its acceptance first",
        ),
        (
            Job::AcceptRecording { recording_id: gone },
            "the recording no longer exists",
        ),
        (
            Job::MergeTranscript { meeting_id },
            "recordings of the meeting are still being processed; the transcript is made when they are done",
        ),
    ];
    for (job, why) in table {
        assert_eq!(reopen(&mut store, &job).unwrap_err().to_string(), why);
    }
    assert_eq!(
        reopen(&mut store, &Job::CheckRoom { meeting_id }).unwrap().jobs,
        [Job::CheckRoom { meeting_id }]
    );
    store.apply(&call.finished(9));
    assert_eq!(
        reopen(&mut store, &Job::CheckRoom { meeting_id }),
        Err(CannotReopen::MeetingClosed)
    );
    assert!(reopen(&mut store, &Job::MergeTranscript { meeting_id }).is_ok());
}

fn requested() -> (RoomStore, RecordingId) {
    let call = Call::new("RM_1");
    let store = RoomStore::with(&[call.joined(1, &zoe()), call.published(2, &zoe(), &microphone("TR_1"))]);
    let id = store.meeting("RM_1").unwrap().recordings[0].id;
    (store, id)
}

fn complete() -> (RoomStore, RecordingId) {
    let (mut store, id) = requested();
    store.apply(&Call::new("RM_1").capture(7, "EG_1", &microphone("TR_1"), CaptureStatus::Complete));
    (store, id)
}

fn reopen(store: &mut RoomStore, job: &Job) -> Result<Change, CannotReopen> {
    let mut refusal = None;
    let change = store.change("RM_1", |meeting, env| {
        meeting.reopen(job, env).unwrap_or_else(|why| {
            refusal = Some(why);
            Change::new(crate::meeting::Outcome::Ignored)
        })
    });
    refusal.map_or(Ok(change), Err)
}
