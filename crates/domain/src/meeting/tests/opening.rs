//! When a meeting opens and closes, and who takes part.

use chrono::TimeDelta;

use super::support::{Call, RoomStore, at, microphone, of_kind, person, zoe};
use crate::event::EventKind;
use crate::meeting::Outcome;
use crate::participant::ParticipantKind;

#[test]
fn a_recorder_or_an_agent_alone_opens_no_meeting() {
    let call = Call::new("RM_1");
    let mut store = RoomStore::new();

    let outcomes = [
        store.apply(&call.started(0)).outcome,
        store
            .apply(&call.joined(1, &of_kind(ParticipantKind::Recorder)))
            .outcome,
        store.apply(&call.joined(2, &of_kind(ParticipantKind::Agent))).outcome,
        store
            .apply(&call.published(3, &of_kind(ParticipantKind::Agent), &microphone("TR_1")))
            .outcome,
        store.apply(&call.event(4, EventKind::ParticipantAborted)).outcome,
        store.apply(&call.finished(9)).outcome,
    ];

    assert_eq!(outcomes[1], Outcome::Ignored);
    assert_eq!(outcomes[4], Outcome::Ignored);
    assert!(store.meeting("RM_1").is_none() && store.jobs.is_empty());
}

#[test]
fn a_recorder_is_not_a_participant_of_an_open_meeting() {
    let call = Call::new("RM_1");
    let mut store = RoomStore::with(&[call.joined(1, &zoe())]);

    let change = store.apply(&call.joined(2, &of_kind(ParticipantKind::Recorder)));

    assert_eq!(change.outcome, Outcome::Ignored);
    assert_eq!(store.meeting("RM_1").unwrap().participants.len(), 1);
}

#[test]
fn any_first_event_of_a_person_opens_the_meeting_at_the_rooms_creation() {
    let call = Call::new("RM_1");
    for first in [
        call.joined(1, &zoe()),
        call.left(5, &zoe()),
        call.published(2, &zoe(), &microphone("TR_1")),
        call.unpublished(4, &zoe(), &microphone("TR_1")),
    ] {
        let store = RoomStore::with(&[first, call.started(0)]);

        assert_eq!(
            store.meeting("RM_1").unwrap().head.started_at,
            at(0) + TimeDelta::milliseconds(905)
        );
        assert!(store.meeting("RM_1").unwrap().head.is_open());
    }
}

#[test]
fn a_late_event_completes_a_closed_meeting_without_reopening_it() {
    let call = Call::new("RM_1");
    let bob = person("bob", "PA_2", 4);
    let mut store = RoomStore::with(&[call.joined(1, &zoe()), call.finished(20)]);

    store.apply(&call.joined(4, &bob));
    store.apply(&call.published(5, &bob, &microphone("TR_2")));

    let meeting = store.meeting("RM_1").unwrap();
    assert!(!meeting.head.is_open());
    assert_eq!(meeting.connections[1].left_at, Some(at(20)));
    assert_eq!(meeting.track(&"TR_2".into()).unwrap().unpublished_at, Some(at(20)));
}

#[test]
fn an_unknown_event_has_an_outcome_of_its_own() {
    let change = RoomStore::new().apply(&Call::new("RM_1").event(1, EventKind::Unknown));

    assert_eq!(change.outcome, Outcome::UnknownEvent);
    assert!(change.is_empty());
}
