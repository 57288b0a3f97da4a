//! What reconcilers do by looking.

use super::support::{at, microphone, person};
use super::{Call, RoomStore};
use crate::event::EgressStatus;
use crate::job::Job;
use crate::meeting::{MeetingState, Outcome};
use crate::participant::{ObservedParticipant, ParticipantKind};
use crate::recording::{FailureReason, RecordingState};
use crate::room::RecordingPolicy;
use crate::track::NotRecorded;

#[test]
fn a_look_finds_a_meeting_that_no_event_told_of() {
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
fn a_look_and_late_events_agree() {
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
fn a_look_at_a_recorder_alone_opens_nothing() {
    let recorder = ObservedParticipant {
        kind: ParticipantKind::Egress,
        ..zoe()
    };
    let mut store = RoomStore::new();

    let change = store.reconcile(&Call::new("RM_1").live(&[(&recorder, &[])]));

    assert!(change.is_empty());
}

#[test]
fn a_look_at_a_newer_room_closes_the_older_meeting() {
    let mut store = RoomStore::with(&[Call::new("RM_1").joined(1, &zoe())]);

    store.reconcile(&Call::created("RM_2", 50).live(&[(&person("bob", "PA_2", 51), &[])]));

    assert!(!store.meeting("RM_1").unwrap().head.is_open());
    assert!(store.meeting("RM_2").unwrap().head.is_open());
}

#[test]
fn a_look_does_not_open_a_closed_meeting_nor_ask_in_it() {
    let call = Call::new("RM_1");
    let mut store = RoomStore::with(&[call.joined(1, &zoe()), call.finished(10)]);

    let change = store.reconcile(&call.live(&[(&zoe(), &[microphone("TR_1")])]));

    assert!(change.is_empty());
}

#[test]
fn a_missing_recording_is_asked_for_again_later_and_later_and_five_times_at_most() {
    let call = Call::new("RM_1");
    let track = microphone("TR_1");
    let mut store = RoomStore::with(&[call.joined(1, &zoe()), call.published(2, &zoe(), &track)]);
    let mut asked_at = Vec::new();

    for second in 0..2000 {
        store.now = at(second);
        for recording in store.meeting("RM_1").unwrap().recordings.clone() {
            store.change("RM_1", |m, s| {
                m.fail(recording.id, FailureReason::StartFailed, "nobody".to_owned(), s.now)
            });
        }
        let change = store.reconcile(&call.live(&[(&zoe(), std::slice::from_ref(&track))]));
        asked_at.extend(change.jobs.iter().map(|_| second));
    }

    assert_eq!(asked_at, [15, 45, 105, 225, 465]);
}

#[test]
fn a_track_that_is_recorded_or_silent_is_not_asked_for_again() {
    let call = Call::new("RM_1");
    let track = microphone("TR_1");
    for status in [EgressStatus::Active, EgressStatus::Aborted] {
        let mut store = RoomStore::with(&[
            call.published(2, &zoe(), &track),
            call.egress(3, "EG_1", &track, status),
        ]);
        store.later(1000);

        let change = store.reconcile(&call.live(&[(&zoe(), std::slice::from_ref(&track))]));

        assert_eq!(change.jobs, [], "{status}");
    }
}

#[test]
fn what_a_recorder_left_early_is_asked_for_again() {
    let call = Call::new("RM_1");
    let track = microphone("TR_1");
    let limit = call.egress(3, "EG_1", &track, EgressStatus::LimitReached);
    let mut store = RoomStore::with(&[call.published(2, &zoe(), &track), limit]);
    store.later(60);

    let change = store.reconcile(&call.live(&[(&zoe(), std::slice::from_ref(&track))]));

    assert!(matches!(change.jobs[..], [Job::StartRecording { .. }]));
    assert_eq!(store.meeting("RM_1").unwrap().recordings.len(), 2);
}

#[test]
fn a_room_that_is_to_be_recorded_from_now_on_is() {
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
fn two_looks_without_a_room_close_its_meeting_at_the_first_of_them() {
    let mut store = RoomStore::with(&[Call::new("RM_1").joined(1, &zoe())]);
    let mut absent = |second| {
        store.now = at(second);
        store.change("RM_1", |meeting, env| meeting.mark_unlisted(env.now));
        store.meeting("RM_1").unwrap().head.state
    };

    let states = [absent(100), absent(110), absent(115), absent(500)];

    let missing = MeetingState::Open {
        missing_since: Some(at(100)),
    };
    let closed = MeetingState::Closed { ended_at: at(100) };
    assert_eq!(states, [missing, missing, closed, closed]);
    assert_eq!(store.meeting("RM_1").unwrap().connections[0].left_at, Some(at(100)));
}

#[test]
fn a_look_that_names_the_room_begins_anew() {
    let mut store = RoomStore::with(&[Call::new("RM_1").joined(1, &zoe())]);
    store.now = at(100);
    store.change("RM_1", |meeting, env| meeting.mark_unlisted(env.now));

    let present = store.change("RM_1", |meeting, _| meeting.mark_listed());
    let again = store.change("RM_1", |meeting, _| meeting.mark_listed());
    store.now = at(116);
    store.change("RM_1", |meeting, env| meeting.mark_unlisted(env.now));

    assert_eq!(
        (present.meetings.len(), again.is_empty(), present.outcome),
        (1, true, Outcome::Applied)
    );
    assert!(store.meeting("RM_1").unwrap().head.is_open());
}

#[test]
fn an_egress_that_is_open_long_after_its_meeting_is_given_up() {
    let call = Call::new("RM_1");
    let track = microphone("TR_1");
    let mut store = RoomStore::with(&[
        call.published(2, &zoe(), &track),
        call.egress(3, "EG_1", &track, EgressStatus::Active),
        call.finished(10),
    ]);
    let mut give_up = |second| {
        store.now = at(second);
        store.change("RM_1", |meeting, env| meeting.fail_stuck_recordings(env.now))
    };

    let early = give_up(309);
    let due = give_up(310);

    assert!(early.is_empty());
    assert!(
        matches!(&due.recordings[0].state, RecordingState::Failed(failed) if failed.reason == FailureReason::Stuck)
    );
    assert!(matches!(due.jobs[..], [Job::MergeTranscript { .. }]));
}

fn zoe() -> ObservedParticipant {
    person("zoe", "PA_1", 1)
}
