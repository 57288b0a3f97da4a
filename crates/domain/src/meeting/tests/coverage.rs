//! A live track that should be recorded has a recorder, or gets one.

use super::support::{Call, RoomStore, at, microphone, person, recorder, zoe};
use crate::event::{CaptureStatus, EventKind};
use crate::job::Job;
use crate::meeting::{Change, LiveRoom, Outcome};
use crate::participant::{ObservedParticipant, ParticipantKind};
use crate::recording::{FailureReason, RecordingState};
use crate::track::NotRecorded;

#[test]
fn a_missing_recording_is_requested_again_for_ever_at_most_every_30_s() {
    let mut store = RoomStore::with(&published());
    let mut requested_at = Vec::new();

    for second in 0..200 {
        store.now = at(second);
        fail_open(&mut store, FailureReason::StartFailed);
        if starts(&store.reconcile(&live(&[]))) {
            requested_at.push(second);
        }
    }

    assert_eq!(requested_at, [1, 3, 7, 15, 31, 61, 91, 121, 151, 181]);
}

#[test]
fn a_recording_that_has_a_file_ends_the_row_of_failures() {
    let call = Call::new("RM_1");
    let mut store = RoomStore::with(&published());
    for second in [0, 30, 60] {
        store.now = at(second);
        fail_open(&mut store, FailureReason::StartFailed);
        store.reconcile(&live(&[]));
    }
    store.apply(&call.capture(60, "EG_1", &microphone("TR_1"), CaptureStatus::LimitReached));

    let change = store.reconcile(&live(&[]));

    assert!(starts(&change), "the track is live and nobody records it");
}

#[test]
fn a_live_track_is_asked_for_again_however_its_recorder_ended() {
    let call = Call::new("RM_1");
    for status in [
        CaptureStatus::Aborted,
        CaptureStatus::Failed,
        CaptureStatus::Complete,
        CaptureStatus::LimitReached,
    ] {
        let mut store = RoomStore::with(&published());
        store.now = at(20);

        let ended = store.apply(&call.capture(20, "EG_1", &microphone("TR_1"), status));
        let meeting_id = store.meeting("RM_1").unwrap().head.id;
        let listed = store.reconcile(&live(&[]));

        assert!(ended.jobs.contains(&Job::CheckRoom { meeting_id }), "{status}");
        assert!(starts(&listed), "{status}");
        assert_eq!(store.meeting("RM_1").unwrap().tracks[0].not_recorded, None, "{status}");
    }
}

#[test]
fn a_track_that_is_recorded_or_has_ended_is_not_asked_for() {
    let call = Call::new("RM_1");
    let track = microphone("TR_1");
    let recorded = call.capture(3, "EG_1", &track, CaptureStatus::Active);
    let unpublished = call.unpublished(8, &zoe(), &track);

    for event in [recorded, unpublished] {
        let mut store = RoomStore::with(&published());
        store.apply(&event);
        fail_unless_recorded(&mut store);
        store.later(1000);

        let change = store.reconcile(&live(&["EG_1"]));

        assert!(!starts(&change), "{event:?}");
    }
    let mut store = RoomStore::with(&published());
    fail_open(&mut store, FailureReason::TrackGone);
    store.later(1000);
    assert!(
        !starts(&store.reconcile(&call.live(&[(&zoe(), &[])]))),
        "the platform does not list it"
    );
}

#[test]
fn a_track_that_no_recorder_can_record_is_not_asked_for_and_says_why() {
    let table = [
        ("e2ee: cannot be recorded", NotRecorded::E2ee),
        ("codec: PCMU", NotRecorded::Codec),
        ("video: not audio", NotRecorded::Video),
    ];
    for (error, reason) in table {
        let mut store = RoomStore::with(&published());
        let mut report = Call::new("RM_1").report(3, "EG_1", &microphone("TR_1"), CaptureStatus::Failed);
        report.error = Some(error.to_owned());
        store.apply(&Call::new("RM_1").event(3, EventKind::CaptureEnded(report)));
        store.later(1000);

        assert!(!starts(&store.reconcile(&live(&[]))));
        assert_eq!(store.meeting("RM_1").unwrap().tracks[0].not_recorded, Some(reason));
    }
}

#[test]
fn a_recorder_that_has_left_for_5_s_is_lost_and_another_is_requested_at_once() {
    let mut store = recorded();
    let meeting_id = store.meeting("RM_1").unwrap().head.id;
    store.now = at(60);

    let left = store.apply(&recorder_left());
    let early = step(&mut store, 64, &live(&["EG_other"]));
    let due = step(&mut store, 65, &live(&["EG_other"]));

    assert_eq!(
        (left.outcome, &left.jobs[..]),
        (Outcome::Applied, &[Job::CheckRoom { meeting_id }][..])
    );
    assert!(early.is_empty(), "{early:?}");
    assert!(starts(&due));
    assert_eq!(states(&store), ["failed lost", "requested"]);
    assert!(store.meeting("RM_1").unwrap().recordings[0].is_guess());
}

#[test]
fn a_recorder_that_comes_back_in_time_is_not_lost() {
    let mut store = recorded();
    store.now = at(60);

    store.apply(&recorder_left());
    step(&mut store, 63, &live(&["EG_1"]));
    step(&mut store, 90, &live(&["EG_1"]));
    let blink = step(&mut store, 105, &live(&["EG_other"]));

    assert!(!blink.is_empty(), "the first list without it is noted");
    assert_eq!(states(&store), ["active"]);
}

#[test]
fn two_lists_without_the_recorder_suffice_if_the_webhook_was_lost() {
    let mut store = recorded();

    let first = step(&mut store, 60, &live(&["EG_other"]));
    let second = step(&mut store, 65, &live(&["EG_other"]));

    assert!(matches!(first.jobs[..], [Job::CheckRoom { .. }]));
    assert!(starts(&second));
}

#[test]
fn a_list_from_before_the_recorder_was_missed_or_joined_concludes_nothing() {
    let mut store = recorded();
    store.now = at(60);
    store.apply(&recorder_left());

    store.now = at(70);
    store.reconcile_late(&live(&["EG_other"]), at(64));
    store.reconcile_late(&live(&["EG_1"]), at(59));

    assert_eq!(states(&store), ["active"]);
    store.reconcile_late(&live(&["EG_other"]), at(65));
    assert_eq!(states(&store), ["failed lost", "requested"]);
    store.reconcile_late(&live(&["EG_1"]), at(64));
    assert_eq!(states(&store), ["failed lost", "requested"]);
}

#[test]
fn a_recorder_that_announces_nothing_may_record_anything() {
    let mut store = recorded();

    for second in [60, 70, 80] {
        step(&mut store, second, &live(&[]).with(recorder(&[])));
    }

    assert_eq!(states(&store), ["active"]);
}

#[test]
fn a_capture_that_was_requested_a_moment_ago_may_still_join() {
    let call = Call::new("RM_1");
    let mut store = RoomStore::with(&published());
    store.apply(&call.capture(3, "EG_1", &microphone("TR_1"), CaptureStatus::Starting));

    for second in [10, 20, 39] {
        step(&mut store, second, &live(&["EG_other"]));
    }
    let young = states(&store);
    step(&mut store, 40, &live(&["EG_other"]));
    step(&mut store, 45, &live(&["EG_other"]));

    assert_eq!(young, ["requested"]);
    assert_eq!(states(&store), ["failed lost", "requested"]);
}

#[test]
fn a_recorder_that_leaves_because_its_track_has_ended_is_not_lost() {
    let call = Call::new("RM_1");
    let mut store = recorded();
    store.now = at(60);

    store.apply(&call.unpublished(60, &zoe(), &microphone("TR_1")));
    let left = store.apply(&recorder_left());
    step(&mut store, 70, &call.live(&[(&zoe(), &[])]));
    step(&mut store, 700, &call.live(&[(&zoe(), &[])]));

    assert_eq!(left.jobs, []);
    assert_eq!(states(&store), ["active"]);
}

#[test]
fn a_lost_recorder_that_returns_continues_unless_another_has_taken_over() {
    let call = Call::new("RM_1");
    let track = microphone("TR_1");
    let again = call.capture(80, "EG_1", &track, CaptureStatus::Active);
    let seen = |store: &mut RoomStore| step(store, 80, &live(&["EG_1"]));
    let reported = |store: &mut RoomStore| store.apply(&again);
    for returns in [&seen as &dyn Fn(&mut RoomStore) -> Change, &reported] {
        let mut alone = lost();
        let change = returns(&mut alone);
        assert_eq!(change.withdrawn.len(), 1, "the request has not been answered");
        assert_eq!(states(&alone), ["active"]);

        let mut replaced = lost();
        replaced.apply(&call.capture(70, "EG_2", &track, CaptureStatus::Active));
        returns(&mut replaced);
        assert_eq!(states(&replaced), ["failed lost", "active"]);
        replaced.apply(&call.capture(90, "EG_1", &track, CaptureStatus::Complete));
        assert_eq!(states(&replaced), ["complete", "active"]);
    }
}

#[test]
fn what_the_platform_repeats_about_a_lost_recorder_is_no_sign_of_life() {
    let mut store = lost();
    let repeated = Call::new("RM_1").report(4, "EG_1", &microphone("TR_1"), CaptureStatus::Active);

    let change = store.change("RM_1", |meeting, env| meeting.apply_report(&repeated, env));

    assert!(change.is_empty(), "{change:?}");
    assert_eq!(states(&store), ["failed lost", "requested"]);
}

#[test]
fn every_order_of_what_happens_to_a_lost_recorder_keeps_its_file() {
    let call = Call::new("RM_1");
    let track = microphone("TR_1");
    let events = [
        call.capture(4, "EG_1", &track, CaptureStatus::Active),
        call.capture(90, "EG_1", &track, CaptureStatus::Ending),
        call.capture(95, "EG_1", &track, CaptureStatus::Complete),
        call.capture(70, "EG_2", &track, CaptureStatus::Active),
        recorder_left(),
    ];
    for order in orders(events.len()) {
        let mut store = lost();
        for index in &order {
            store.apply(&events[*index]);
        }
        assert_eq!(states(&store), ["complete", "active"], "{order:?}");
    }
}

/// Zoë's microphone, published and requested.
fn published() -> Vec<crate::event::PlatformEvent> {
    let call = Call::new("RM_1");
    vec![call.joined(1, &zoe()), call.published(2, &zoe(), &microphone("TR_1"))]
}

/// The same, recorded by EG_1.
fn recorded() -> RoomStore {
    let mut store = RoomStore::with(&published());
    store.apply(&Call::new("RM_1").capture(4, "EG_1", &microphone("TR_1"), CaptureStatus::Active));
    store
}

/// The same, after EG_1 was lost at 65 s and another capture was requested.
fn lost() -> RoomStore {
    let mut store = recorded();
    for second in [60, 65] {
        step(&mut store, second, &live(&["EG_other"]));
    }
    assert_eq!(states(&store), ["failed lost", "requested"]);
    store
}

/// The room with Zoë and, if `captures` names any, a recorder that announces them.
fn live(captures: &[&str]) -> LiveRoom {
    let live = Call::new("RM_1").live(&[(&zoe(), &[microphone("TR_1")])]);
    match captures {
        [] => live,
        captures => live.with(recorder(captures)),
    }
}

fn recorder_left() -> crate::event::PlatformEvent {
    let recorder = ObservedParticipant {
        kind: ParticipantKind::Recorder,
        ..person("capture-1", "PA_9", 3)
    };
    Call::new("RM_1").left(60, &recorder)
}

fn step(store: &mut RoomStore, second: i64, live: &LiveRoom) -> Change {
    store.now = at(second);
    store.reconcile(live)
}

fn starts(change: &Change) -> bool {
    change.jobs.iter().any(|job| matches!(job, Job::StartRecording { .. }))
}

fn fail_open(store: &mut RoomStore, reason: FailureReason) {
    for capture in store.meeting("RM_1").unwrap().captures.clone() {
        store.change("RM_1", |m, env| {
            m.fail_capture(capture.id, reason, "no recorder".to_owned(), env.now)
        });
    }
}

fn fail_unless_recorded(store: &mut RoomStore) {
    if states(store) == ["requested"] {
        fail_open(store, FailureReason::StartFailed);
    }
}

/// Returns each recording's state with its reason.
fn states(store: &RoomStore) -> Vec<String> {
    let recordings = &store.meeting("RM_1").unwrap().recordings;
    recordings
        .iter()
        .map(|r| match &r.state {
            RecordingState::Failed(failed) => format!("failed {}", failed.reason),
            state => state.as_str().to_owned(),
        })
        .collect()
}

/// Returns every order of `count` things.
fn orders(count: usize) -> Vec<Vec<usize>> {
    let Some(last) = count.checked_sub(1) else {
        return vec![Vec::new()];
    };
    let insert = |order: Vec<usize>| (0..count).map(move |at| [&order[..at], &[last], &order[at..]].concat());
    orders(last).into_iter().flat_map(insert).collect()
}
