//! Captured webhooks, parsed by the adapter and applied by the domain, give the same meeting in any order.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::DateTime;
use domain::clock::IdSource;
use domain::event::{EventKind, PlatformEvent, PlatformKind};
use domain::meeting::{Change, Env, EventContext, Meeting, Outcome};
use domain::recording::RecordingState;
use domain::room::Room;
use domain::{MeetingId, ObjectKey, RoomName};
use uuid::Uuid;

use crate::support::{OneEvent, livekit, webhooks};

/// The id of the only meeting: the first that is made after the room's.
const MEETING: MeetingId = MeetingId(Uuid::from_u64_pair(0, 2));

/// Number of shuffled orders per folder.
const ORDERS: u64 = 200;

#[test]
fn the_captured_call_is_one_meeting_with_one_recording_in_any_order() {
    let events = requested_by_us(events_of(""));

    let meeting = replay(&events).expect("a meeting");

    assert_eq!(
        meeting.head.started_at,
        DateTime::from_timestamp_millis(1_795_248_733_905).unwrap()
    );
    assert_eq!(meeting.head.ended_at(), DateTime::from_timestamp(1_795_248_748, 0));
    assert_eq!(meeting.participants[0].display_name, "Zoë 寿");
    assert_eq!(
        (
            meeting.connections.len(),
            meeting.tracks.len(),
            meeting.recordings.len()
        ),
        (1, 1, 1)
    );
    assert!(
        matches!(&meeting.recordings[0].state, RecordingState::Complete(c) if !c.truncated),
        "{meeting:?}"
    );
    assert_any_order(&events);
}

#[test]
fn the_captured_crash_is_one_meeting_with_two_connections_in_any_order() {
    let events = requested_by_us(events_of("server-crash/"));

    let meeting = replay(&events).expect("a meeting");

    let restart = DateTime::from_timestamp(1_795_249_151, 0);
    assert_eq!(
        (
            meeting.participants.len(),
            meeting.connections.len(),
            meeting.tracks.len()
        ),
        (1, 2, 2)
    );
    assert_eq!(meeting.connections[0].left_at, restart);
    assert_eq!(meeting.tracks[0].unpublished_at, restart);
    assert_eq!(
        meeting.recordings.len(),
        2,
        "an egress of an unknown track creates no recording"
    );
    assert_any_order(&events);
}

#[test]
fn the_captured_egress_writes_to_a_path_that_we_did_not_request_and_is_not_adopted() {
    let events = events_of("");

    let meeting = replay(&events).expect("a meeting");

    let recordings: Vec<_> = meeting.recordings.iter().map(|r| &r.state).collect();
    assert_eq!(recordings, [&RecordingState::Requested]);
    assert_eq!(meeting.captures[0].platform_id, None);
    assert_any_order(&events);
}

/// Puts the path that we request into the reports of the captured egresses.
fn requested_by_us(mut events: Vec<PlatformEvent>) -> Vec<PlatformEvent> {
    let mut publishers = BTreeMap::new();
    for event in &events {
        if let EventKind::TrackPublished(track) = &event.kind {
            publishers.insert(track.track.sid.clone(), track.identity.clone());
        }
    }
    let room = RoomName::parse("standup").unwrap();
    for event in &mut events {
        if let EventKind::CaptureStarted(report) | EventKind::CaptureUpdated(report) | EventKind::CaptureEnded(report) =
            &mut event.kind
            && let Some(sid) = &report.track_sid
            && let Some(identity) = publishers.get(sid)
        {
            report.requested_file = Some(ObjectKey::recording_template(&room, MEETING, identity, sid));
        }
    }
    events
}

fn events_of(folder: &str) -> Vec<PlatformEvent> {
    let livekit = livekit();
    let in_folder = |name: &str| name.strip_prefix(folder).is_some_and(|file| !file.contains('/'));
    let webhooks = webhooks().into_iter().filter(|w| in_folder(&w.name));
    webhooks
        .map(|w| livekit.event(&w.headers, &w.body, w.created_at).unwrap().event)
        .collect()
}

fn assert_any_order(events: &[PlatformEvent]) {
    let expected = outline(&replay(events));
    for seed in 1..=ORDERS {
        let mut order: Vec<_> = [events, events, events].concat();
        shuffle(&mut order, seed);
        let names: Vec<_> = order.iter().map(|e| (&e.name, &e.key.id)).collect();
        assert_eq!(outline(&replay(&order)), expected, "seed {seed}: {names:?}");
    }
}

/// Applies each event once and keeps deferred ones, as the inbox does.
fn replay(events: &[PlatformEvent]) -> Option<Meeting> {
    let counter = AtomicU64::new(1);
    let ids: IdSource = Arc::new(move || Uuid::from_u64_pair(0, counter.fetch_add(1, Ordering::Relaxed)));
    let now = DateTime::from_timestamp(1_795_250_000, 0).unwrap();
    let name = RoomName::parse(events[0].room.as_ref().unwrap().name.as_deref().unwrap()).unwrap();
    let room = Room::new(ids().into(), name, PlatformKind::Livekit, now);
    let mut context = EventContext {
        room,
        url: None,
        meeting: None,
        newest_other: None,
        deferred: Vec::new(),
    };
    let mut seen = Vec::new();
    for event in events {
        if seen.contains(&&event.key) {
            continue;
        }
        seen.push(&event.key);
        let change = context.apply(event, Env { now, ids: &ids });
        if change.outcome == Outcome::Deferred {
            context.deferred.push(event.clone());
        }
        apply_change(&mut context.meeting, change);
    }
    context.meeting
}

fn apply_change(meeting: &mut Option<Meeting>, change: Change) {
    let Some(head) = change
        .meetings
        .into_iter()
        .next()
        .or(meeting.as_ref().map(|m| m.head.clone()))
    else {
        return;
    };
    let old = meeting.take();
    let old = old.as_ref();
    *meeting = Some(Meeting {
        participants: merge_rows(old.map(|m| &m.participants), change.participants, |p| p.id.0),
        connections: merge_rows(old.map(|m| &m.connections), change.connections, |c| c.id.0),
        tracks: merge_rows(old.map(|m| &m.tracks), change.tracks, |t| t.id.0),
        captures: merge_rows(old.map(|m| &m.captures), change.captures, |c| c.id.0),
        recordings: merge_rows(old.map(|m| &m.recordings), change.recordings, |r| r.id.0),
        head,
    });
}

fn merge_rows<T: Clone>(old: Option<&Vec<T>>, new: Vec<T>, id: impl Fn(&T) -> Uuid) -> Vec<T> {
    let rows = old.into_iter().flatten().cloned().chain(new);
    rows.map(|row| (id(&row), row))
        .collect::<BTreeMap<_, _>>()
        .into_values()
        .collect()
}

/// Formats the meeting without ids and times of receipt.
fn outline(meeting: &Option<Meeting>) -> Vec<String> {
    let m = meeting.as_ref().expect("a meeting");
    let mut lines = vec![format!("{} {:?}", m.head.started_at, m.head.state)];
    lines.extend(
        m.participants
            .iter()
            .map(|p| format!("{} {} {:?}", p.identity, p.display_name, p.kind)),
    );
    lines.extend(
        m.connections
            .iter()
            .map(|c| format!("{} {} {:?}", c.sid, c.joined_at, c.left_at)),
    );
    lines.extend(m.tracks.iter().map(|t| {
        format!(
            "{} {} {:?} {:?}",
            t.sid, t.published_at, t.unpublished_at, t.not_recorded
        )
    }));
    lines.extend(m.recordings.iter().map(|r| {
        let platform_id = m.capture(r.capture_id).and_then(|c| c.platform_id.as_ref());
        format!("{:?} {platform_id:?} {:?}", r.track.as_ref().map(|t| &t.sid), r.state)
    }));
    lines.sort();
    lines
}

/// Shuffles by Fisher–Yates with SplitMix64, so that a seed always gives the same order.
fn shuffle<T>(items: &mut [T], mut seed: u64) {
    for last in (1..items.len()).rev() {
        seed = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (seed ^ (seed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let index = usize::try_from((z ^ (z >> 31)) % (last as u64 + 1)).unwrap();
        items.swap(last, index);
    }
}
