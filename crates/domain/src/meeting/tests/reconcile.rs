//! Reconciling with the platform's list, for webhooks that were lost.

use super::support::{Call, RoomStore, at, microphone, person, zoe};
use crate::event::CaptureStatus;
use crate::job::Job;
use crate::meeting::{MeetingState, Outcome};
use crate::participant::{ObservedParticipant, ParticipantKind};
use crate::recording::{FailureReason, RecordingState};
use crate::room::RecordingPolicy;
use crate::track::NotRecorded;

#[test]
fn reconciling_finds_a_meeting_whose_webhooks_were_lost() {
    let call = Call::new("RM_1");
    let mut store = RoomStore::new();
    store.now = at(30);

    let change = store.reconcile(&call.live(&[(&zoe(), &[microphone("TR_1")])]));
    let again = store.reconcile(&call.live(&[(&zoe(), &[microphone("TR_1")])]));

    assert!(matches!(change.jobs[..], [Job::StartRecording { .. }]));
    assert!(again.is_empty());
    assert_eq!(
        store.meeting("RM_1").unwrap().participants[0].kind,
        Some(ParticipantKind::Standard)
    );
}

#[test]
fn reconciling_and_late_events_give_the_same_meeting() {
    let call = Call::new("RM_1");
    let events = [
        call.started(0),
        call.joined(2, &zoe()),
        call.published(3, &zoe(), &microphone("TR_1")),
    ];
    let mut store = RoomStore::new();
    store.now = at(30);

    store.reconcile(&call.live(&[(&zoe(), &[microphone("TR_1")])]));
    for event in &events {
        store.apply(event);
    }

    assert_eq!(store.outline("RM_1"), RoomStore::with(&events).outline("RM_1"));
}

#[test]
fn a_recorder_alone_in_a_live_room_opens_no_meeting() {
    let recorder = ObservedParticipant {
        kind: ParticipantKind::Recorder,
        ..zoe()
    };
    let mut store = RoomStore::new();

    let change = store.reconcile(&Call::new("RM_1").live(&[(&recorder, &[])]));

    assert!(change.is_empty());
}

#[test]
fn reconciling_a_newer_room_closes_the_older_meeting() {
    let mut store = RoomStore::with(&[Call::new("RM_1").joined(1, &zoe())]);

    store.reconcile(&Call::created("RM_2", 50).live(&[(&person("bob", "PA_2", 51), &[])]));

    assert!(!store.meeting("RM_1").unwrap().head.is_open());
    assert!(store.meeting("RM_2").unwrap().head.is_open());
}

#[test]
fn reconciling_neither_reopens_a_closed_meeting_nor_requests_recordings_in_it() {
    let call = Call::new("RM_1");
    let mut store = RoomStore::with(&[call.joined(1, &zoe()), call.finished(10)]);

    let change = store.reconcile(&call.live(&[(&zoe(), &[microphone("TR_1")])]));

    assert!(change.is_empty());
}

#[test]
fn a_track_whose_recorder_stopped_early_is_requested_again() {
    let call = Call::new("RM_1");
    let track = microphone("TR_1");
    let limit = call.capture(3, "EG_1", &track, CaptureStatus::LimitReached);
    let mut store = RoomStore::with(&[call.published(2, &zoe(), &track), limit]);
    store.later(60);

    let change = store.reconcile(&call.live(&[(&zoe(), std::slice::from_ref(&track))]));

    assert!(matches!(change.jobs[..], [Job::StartRecording { .. }]));
    assert_eq!(store.meeting("RM_1").unwrap().recordings.len(), 2);
}

#[test]
fn a_room_whose_policy_becomes_automatic_is_recorded_from_then_on() {
    let call = Call::new("RM_1");
    let mut store = RoomStore::new();
    store.room.recording = RecordingPolicy::Off;
    store.apply(&call.published(2, &zoe(), &microphone("TR_1")));
    assert_eq!(
        store.meeting("RM_1").unwrap().tracks[0].not_recorded,
        Some(NotRecorded::Policy)
    );

    store.room.recording = RecordingPolicy::Automatic;
    let change = store.reconcile(&call.live(&[(&zoe(), &[microphone("TR_1")])]));

    assert!(matches!(change.jobs[..], [Job::StartRecording { .. }]));
    assert_eq!(store.meeting("RM_1").unwrap().tracks[0].not_recorded, None);
}

#[test]
fn two_polls_without_the_room_close_its_meeting_at_the_time_of_the_first() {
    let mut store = RoomStore::with(&[Call::new("RM_1").joined(1, &zoe())]);
    let mut unlisted = |second| {
        store.now = at(second);
        store.change("RM_1", |meeting, env| meeting.mark_unlisted(env.now));
        store.meeting("RM_1").unwrap().head.state
    };

    let states = [unlisted(100), unlisted(110), unlisted(115), unlisted(500)];

    let missing = MeetingState::Open {
        missing_since: Some(at(100)),
    };
    let closed = MeetingState::Closed { ended_at: at(100) };
    assert_eq!(states, [missing, missing, closed, closed]);
    assert_eq!(store.meeting("RM_1").unwrap().connections[0].left_at, Some(at(100)));
}

#[test]
fn a_poll_that_lists_the_room_starts_the_count_again() {
    let mut store = RoomStore::with(&[Call::new("RM_1").joined(1, &zoe())]);
    store.now = at(100);
    store.change("RM_1", |meeting, env| meeting.mark_unlisted(env.now));

    let listed = store.change("RM_1", |meeting, _| meeting.mark_listed());
    let again = store.change("RM_1", |meeting, _| meeting.mark_listed());
    store.now = at(116);
    store.change("RM_1", |meeting, env| meeting.mark_unlisted(env.now));

    assert_eq!(
        (listed.meetings.len(), again.is_empty(), listed.outcome),
        (1, true, Outcome::Applied)
    );
    assert!(store.meeting("RM_1").unwrap().head.is_open());
}

#[test]
fn a_capture_still_open_long_after_its_meeting_is_failed_as_stuck() {
    let call = Call::new("RM_1");
    let track = microphone("TR_1");
    let mut store = RoomStore::with(&[
        call.published(2, &zoe(), &track),
        call.capture(3, "EG_1", &track, CaptureStatus::Active),
        call.finished(10),
    ]);
    let mut fail_stuck = |second| {
        store.now = at(second);
        store.change("RM_1", |meeting, env| meeting.fail_stuck_captures(env.now))
    };

    let early = fail_stuck(309);
    let due = fail_stuck(310);

    assert!(early.is_empty());
    assert!(
        matches!(&due.recordings[0].state, RecordingState::Failed(failed) if failed.reason == FailureReason::Stuck)
    );
    assert!(matches!(due.jobs[..], [Job::MergeTranscript { .. }]));
}
