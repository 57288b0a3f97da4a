//! Each fact is told once, however often its event arrives.

use super::support::{Call, RoomStore, at, microphone, recorder, zoe};
use crate::event::{CaptureStatus, PlatformEvent};
use crate::meeting::FactKind;

/// Applies the events in order and returns the kinds of the facts.
fn told(store: &mut RoomStore, events: &[PlatformEvent]) -> Vec<FactKind> {
    let changes = events.iter().map(|event| store.apply(event));
    changes.flat_map(|change| change.facts).map(|fact| fact.kind).collect()
}

#[test]
fn a_meeting_with_one_recording_tells_its_story_once() {
    let (call, track) = (Call::new("RM_1"), microphone("TR_1"));
    let events = [
        call.joined(1, &zoe()),
        call.published(2, &zoe(), &track),
        call.capture(3, "EG_1", &track, CaptureStatus::Active),
        call.capture(9, "EG_1", &track, CaptureStatus::Complete),
        call.finished(20),
    ];
    let mut store = RoomStore::new();

    let first = told(&mut store, &events);
    let again = told(&mut store, &events);

    assert_eq!(
        first,
        [
            FactKind::MeetingOpened,
            FactKind::RecordingRequested,
            FactKind::RecordingStarted,
            FactKind::RecordingCompleted,
            FactKind::MeetingClosed
        ]
    );
    assert_eq!(again, []);
}

#[test]
fn a_capture_that_fails_at_once_is_one_failed_recording() {
    let (call, track) = (Call::new("RM_1"), microphone("TR_1"));
    let mut store = RoomStore::with(&[call.published(2, &zoe(), &track)]);

    let facts = store
        .apply(&call.capture(3, "EG_1", &track, CaptureStatus::Failed))
        .facts;

    let recording = &store.meeting("RM_1").unwrap().recordings[0];
    assert_eq!(facts.len(), 1);
    assert_eq!(
        (facts[0].kind, facts[0].recording_id()),
        (FactKind::RecordingFailed, Some(recording.id))
    );
}

#[test]
fn a_recording_that_is_lost_is_told_as_a_guess_and_its_true_end_as_well() {
    let (call, track) = (Call::new("RM_1"), microphone("TR_1"));
    let live = || {
        call.live(&[(&zoe(), &[microphone("TR_1")])])
            .with(recorder(&["EG_other"]))
    };
    let mut store = RoomStore::with(&[call.joined(1, &zoe()), call.published(2, &zoe(), &track)]);
    store.apply(&call.capture(3, "EG_1", &track, CaptureStatus::Active));
    let mut facts = Vec::new();
    for second in [60, 65, 70] {
        store.now = at(second);
        facts.extend(store.reconcile(&live()).facts);
    }

    let end = call.capture(80, "EG_1", &track, CaptureStatus::Failed);
    let ended = told(&mut store, &[end.clone(), end]);

    let lost: Vec<_> = facts.iter().map(|fact| fact.kind).collect();
    assert_eq!(lost, [FactKind::RecordingLost, FactKind::RecordingRequested]);
    assert_eq!(ended, [FactKind::RecordingFailed]);
}
