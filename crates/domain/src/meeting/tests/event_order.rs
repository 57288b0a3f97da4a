//! Events in any order, each delivered any number of times, give the same meeting.

use insta::assert_snapshot;

use super::support::{Call, RoomStore, microphone, of_kind, person, zoe};
use crate::event::{CaptureStatus, PlatformEvent};
use crate::meeting::Outcome;
use crate::participant::ParticipantKind;

/// Number of random orders that are tried.
const ORDERS: u64 = 2000;

#[test]
fn a_call_in_order_gives_the_expected_meeting() {
    let store = RoomStore::with(&a_call());

    assert_snapshot!(store.outline("RM_1"), @r#"
    meeting closed: 0.905s to 15s
    connection PA_1 of zoe: 2.456s to 10s
    participant zoe "ZOE" Some(Standard)
    recording of TR_1 by EG_1: recordings/EG_1.ogg of 4s to 7s
    track TR_1 of zoe: 2s to 9s, not recorded: None
    "#);
}

#[test]
fn every_order_of_the_events_that_matter_gives_the_same_meeting() {
    let call = a_call();
    let few: Vec<_> = [1, 2, 3, 6, 8, 9].iter().map(|i| call[*i].clone()).collect();
    let expected = RoomStore::with(&few).outline("RM_1");

    for_each_order(few, &mut |order| assert_same(&RoomStore::with(order), &expected, order));
}

#[test]
fn a_call_gives_the_same_meeting_in_any_order() {
    assert_any_order(&a_call());
}

#[test]
fn a_restart_of_the_platform_gives_the_same_meeting_in_any_order() {
    let events = a_restart();

    assert_snapshot!(RoomStore::with(&events).outline("RM_1"), @r#"
    meeting closed: 0.905s to 41s
    connection PA_1 of ann: 2.456s to 8s
    connection PA_2 of ann: 8.456s to 31s
    participant ann "ANN" Some(Standard)
    recording of TR_1 by EG_1: recordings/EG_1.ogg of 4s to 22s
    recording of TR_2 by no capture: requested
    track TR_1 of ann: 2s to 8s, not recorded: None
    track TR_2 of ann: 8s to 30s, not recorded: None
    "#);
    assert_any_order(&events);
}

#[test]
fn a_participant_who_rejoins_gives_the_same_meeting_in_any_order() {
    let call = Call::new("RM_1");
    let (first, second) = (person("zoe", "PA_1", 2), person("zoe", "PA_2", 20));
    let events = vec![
        call.started(0),
        call.joined(2, &first),
        call.published(3, &first, &microphone("TR_1")),
        call.capture(3, "EG_1", &microphone("TR_1"), CaptureStatus::Starting),
        call.left(10, &first),
        call.capture(11, "EG_1", &microphone("TR_1"), CaptureStatus::Complete),
        call.joined(20, &second),
        call.published(21, &second, &microphone("TR_2")),
        call.capture(21, "EG_2", &microphone("TR_2"), CaptureStatus::Starting),
        call.left(30, &second),
        call.finished(90),
        call.capture(91, "EG_2", &microphone("TR_2"), CaptureStatus::Failed),
    ];

    assert_snapshot!(RoomStore::with(&events).outline("RM_1"), @r#"
    meeting closed: 0.905s to 90s
    connection PA_1 of zoe: 2.456s to 10s
    connection PA_2 of zoe: 20.456s to 30s
    participant zoe "ZOE" Some(Standard)
    recording of TR_1 by EG_1: recordings/EG_1.ogg of 4s to 11s
    recording of TR_2 by EG_2: failed: capture_failed Some("disk full")
    track TR_1 of zoe: 3s to 90s, not recorded: None
    track TR_2 of zoe: 21s to 90s, not recorded: None
    "#);
    assert_any_order(&events);
}

#[test]
fn two_meetings_of_a_room_stay_apart_in_any_order() {
    let (first, second) = (Call::new("RM_1"), Call::created("RM_2", 100));
    let (zoe, bob) = (person("zoe", "PA_1", 2), person("bob", "PA_2", 102));
    let events = vec![
        first.started(0),
        first.joined(2, &zoe),
        first.published(3, &zoe, &microphone("TR_1")),
        second.started(100),
        second.joined(102, &bob),
        second.left(120, &bob),
    ];

    let store = RoomStore::with(&events);

    assert!(
        store.outline("RM_1").starts_with("meeting closed: 0.905s to 100.905s"),
        "{}",
        store.outline("RM_1")
    );
    assert!(
        store.outline("RM_2").starts_with("meeting open: 100.905s to now"),
        "{}",
        store.outline("RM_2")
    );
    assert_any_order(&events);
}

#[test]
fn a_repeated_event_changes_nothing() {
    for events in [a_call(), a_restart()] {
        let mut store = RoomStore::with(&events);
        let jobs = store.jobs.len();

        for event in &events {
            let change = store.apply(event);
            assert!(change.is_empty(), "{event:?}: {change:?}");
        }
        assert_eq!(store.jobs.len(), jobs);
    }
}

/// The events of a whole call as a platform sends them.
fn a_call() -> Vec<PlatformEvent> {
    let call = Call::new("RM_1");
    let (zoe, track) = (person("zoe", "PA_1", 2), microphone("TR_1"));
    vec![
        call.started(0),
        call.joined(2, &zoe),
        call.published(2, &zoe, &track),
        call.capture(3, "EG_1", &track, CaptureStatus::Starting),
        call.capture(4, "EG_1", &track, CaptureStatus::Active),
        call.capture(6, "EG_1", &track, CaptureStatus::Ending),
        call.capture(7, "EG_1", &track, CaptureStatus::Complete),
        call.unpublished(9, &zoe, &track),
        call.left(10, &zoe),
        call.finished(15),
    ]
}

/// The platform crashes and restarts; no event reports the end of the first connection and its track.
fn a_restart() -> Vec<PlatformEvent> {
    let call = Call::new("RM_1").of("ann");
    let (before, after) = (person("ann", "PA_1", 2), person("ann", "PA_2", 8));
    let (first, second) = (microphone("TR_1"), microphone("TR_2"));
    vec![
        call.started(0),
        call.joined(2, &before),
        call.published(2, &before, &first),
        call.capture(2, "EG_1", &first, CaptureStatus::Starting),
        call.capture(3, "EG_1", &first, CaptureStatus::Active),
        call.started(8),
        call.joined(8, &after),
        call.published(8, &after, &second),
        call.capture(10, "EG_x", &microphone("TR_nobodys"), CaptureStatus::Active),
        call.capture(22, "EG_1", &first, CaptureStatus::Complete),
        call.unpublished(30, &after, &second),
        call.left(31, &after),
        call.finished(41),
    ]
}

/// Tries random orders with fixed seeds, in which each event occurs one to three times.
fn assert_any_order(events: &[PlatformEvent]) {
    let sids = ["RM_1", "RM_2"];
    let outline = |store: &RoomStore| sids.map(|sid| store.outline(sid)).join("\n");
    let expected = outline(&RoomStore::with(events));
    for seed in 1..=ORDERS {
        let mut random = Random(seed);
        let mut order: Vec<_> = events
            .iter()
            .flat_map(|e| std::iter::repeat_n(e.clone(), 1 + random.below(3)))
            .collect();
        for last in (1..order.len()).rev() {
            order.swap(last, random.below(last + 1));
        }
        let store = RoomStore::with(&order);
        assert_eq!(outline(&store), expected, "seed {seed}: {:#?}", names(&order));
    }
}

fn assert_same(store: &RoomStore, expected: &str, order: &[PlatformEvent]) {
    assert_eq!(store.outline("RM_1"), expected, "{:#?}", names(order));
}

fn names(order: &[PlatformEvent]) -> Vec<&str> {
    order.iter().map(|event| event.key.id.as_str()).collect()
}

/// Calls `visit` with every order of the events (Heap's algorithm).
fn for_each_order(mut events: Vec<PlatformEvent>, visit: &mut impl FnMut(&[PlatformEvent])) {
    let mut counters = vec![0; events.len()];
    visit(&events);
    let mut i = 0;
    while i < events.len() {
        if counters[i] == i {
            counters[i] = 0;
            i += 1;
            continue;
        }
        events.swap(if i % 2 == 0 { 0 } else { counters[i] }, i);
        visit(&events);
        counters[i] += 1;
        i = 0;
    }
}

/// SplitMix64, which gives the same orders in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((z ^ (z >> 31)) % end as u64).unwrap()
    }
}

#[test]
fn a_deferred_event_that_makes_the_domain_panic_does_not_hold_up_the_others() {
    let call = Call::new("RM_1");
    let agent = call.joined(1, &of_kind(ParticipantKind::Agent));
    // An event opens the meeting, with a participant and a connection; the reconciler opens it without them.
    for (reconciles, ids_to_open) in [(false, 3), (true, 1)] {
        let mut store = RoomStore::new();
        let deferred = store.apply(&agent).outcome;
        store.panic_at_id(ids_to_open + 1);

        let change = match reconciles {
            false => store.apply(&call.joined(2, &zoe())),
            true => store.reconcile(&call.live(&[(&zoe(), &[])])),
        };
        let next = store.apply(&call.left(3, &zoe()));

        let people = &store.meeting("RM_1").unwrap().participants;
        assert_eq!(
            (deferred, &change.panicked),
            (Outcome::Deferred, &vec![agent.key.clone()])
        );
        assert_eq!((next.outcome, next.panicked), (Outcome::Applied, vec![]));
        assert_eq!(people.iter().map(|p| p.identity.as_str()).collect::<Vec<_>>(), ["zoe"]);
    }
}
