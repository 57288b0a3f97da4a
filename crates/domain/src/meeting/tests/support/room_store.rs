//! A store in memory that writes changes as the database does.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::at;
use crate::RoomName;
use crate::clock::IdSource;
use crate::event::{PlatformEvent, PlatformKind};
use crate::job::Job;
use crate::meeting::{Change, Env, EventContext, LiveRoom, Meeting, Outcome};
use crate::recording::RecordingState;
use crate::room::Room;

/// One room and all its meetings.
pub struct RoomStore {
    pub room: Room,
    pub now: DateTime<Utc>,
    pub jobs: Vec<Job>,
    meetings: Vec<Meeting>,
    deferred: Vec<PlatformEvent>,
    ids: IdSource,
}

impl RoomStore {
    pub fn new() -> Self {
        let counter = AtomicU64::new(1);
        let ids: IdSource = Arc::new(move || Uuid::from_u64_pair(0, counter.fetch_add(1, Ordering::Relaxed)));
        let room = Room::new(
            ids().into(),
            RoomName::parse("standup").unwrap(),
            PlatformKind::Livekit,
            at(0),
        );
        Self {
            room,
            now: at(0),
            jobs: Vec::new(),
            meetings: Vec::new(),
            deferred: Vec::new(),
            ids,
        }
    }

    pub fn with(events: &[PlatformEvent]) -> Self {
        let mut store = Self::new();
        for event in events {
            store.apply(event);
        }
        store
    }

    pub fn apply(&mut self, event: &PlatformEvent) -> Change {
        let sid = &event.room.as_ref().unwrap().key.0;
        let change = self.context(sid).apply(event, self.env());
        if change.outcome == Outcome::Deferred && !self.deferred.iter().any(|k| k.key == event.key) {
            self.deferred.push(event.clone());
        }
        self.write(sid, change)
    }

    pub fn reconcile(&mut self, live: &LiveRoom) -> Change {
        self.reconcile_late(live, self.now)
    }

    /// Reconciles with a list that was made at `listed_at`.
    pub fn reconcile_late(&mut self, live: &LiveRoom, listed_at: DateTime<Utc>) -> Change {
        let live = LiveRoom {
            listed_at,
            ..live.clone()
        };
        let change = self.context(&live.room.key.0).reconcile(&live, self.env());
        self.write(&live.room.key.0, change)
    }

    /// Changes the meeting of a platform room by one of its own functions.
    pub fn change(&mut self, sid: &str, change: impl FnOnce(&Meeting, Env<'_>) -> Change) -> Change {
        let change = change(self.meeting(sid).unwrap(), self.env());
        self.write(sid, change)
    }

    pub fn meeting(&self, sid: &str) -> Option<&Meeting> {
        self.meetings.iter().find(|m| m.head.platform_room.key.0 == sid)
    }

    /// Lets the domain panic when it asks for the `n`th id from now on, once.
    pub fn panic_at_id(&mut self, n: u64) {
        let (ids, asked) = (self.ids.clone(), AtomicU64::new(0));
        self.ids = Arc::new(move || {
            assert_ne!(asked.fetch_add(1, Ordering::Relaxed) + 1, n, "told to panic");
            ids()
        });
    }

    pub fn later(&mut self, seconds: i64) {
        self.now += TimeDelta::seconds(seconds);
    }

    fn env(&self) -> Env<'_> {
        Env {
            now: self.now,
            ids: &self.ids,
        }
    }

    fn context(&self, sid: &str) -> EventContext {
        let others = self.meetings.iter().filter(|m| m.head.platform_room.key.0 != sid);
        EventContext {
            room: self.room.clone(),
            url: None,
            meeting: self.meeting(sid).cloned(),
            newest_other: others.max_by_key(|m| m.head.started_at).cloned(),
            deferred: self
                .deferred
                .iter()
                .filter(|k| k.room.as_ref().unwrap().key.0 == sid)
                .cloned()
                .collect(),
        }
    }

    fn write(&mut self, sid: &str, change: Change) -> Change {
        for head in &change.meetings {
            match self.meetings.iter_mut().find(|m| m.head.id == head.id) {
                Some(known) => known.head = head.clone(),
                None => self.meetings.push(Meeting {
                    head: head.clone(),
                    participants: vec![],
                    connections: vec![],
                    tracks: vec![],
                    captures: vec![],
                    recordings: vec![],
                }),
            }
            assert!(
                self.meetings.iter().filter(|m| m.head.is_open()).count() <= 1,
                "a room has one open meeting"
            );
        }
        for meeting in &mut self.meetings {
            let id = meeting.head.id;
            upsert(
                &mut meeting.participants,
                &change.participants,
                |p| p.meeting_id == id,
                |p| p.id,
            );
            upsert(
                &mut meeting.connections,
                &change.connections,
                |c| c.meeting_id == id,
                |c| c.id,
            );
            upsert(&mut meeting.tracks, &change.tracks, |t| t.meeting_id == id, |t| t.id);
            meeting.captures.retain(|c| !change.withdrawn.contains(&c.id));
            meeting.recordings.retain(|r| !change.withdrawn.contains(&r.capture_id));
            upsert(
                &mut meeting.captures,
                &change.captures,
                |c| c.meeting_id == id,
                |c| c.id,
            );
            upsert(
                &mut meeting.recordings,
                &change.recordings,
                |r| r.meeting_id == id,
                |r| r.id,
            );
        }
        self.deferred.retain(|event| !change.panicked.contains(&event.key));
        self.jobs.extend(change.jobs.clone());
        if let Some(meeting) = self.meeting(sid) {
            assert_one_open_capture_each(meeting);
            assert_recordings_follow_their_captures(meeting);
        }
        change
    }

    /// Everything that must not depend on the order of events: all rows without ids and times of receipt.
    pub fn outline(&self, sid: &str) -> String {
        let Some(m) = self.meeting(sid) else {
            return "none".to_owned();
        };
        let who = |id| m.publisher(id).unwrap().identity.0.clone();
        let mut lines: Vec<String> = Vec::new();
        lines.extend(
            m.participants
                .iter()
                .map(|p| format!("participant {} {:?} {:?}", p.identity, p.display_name, p.kind)),
        );
        lines.extend(m.connections.iter().map(|c| {
            format!(
                "connection {} of {}: {} to {}",
                c.sid,
                who(c.participant_id),
                clock(c.joined_at),
                ended(c.left_at)
            )
        }));
        lines.extend(m.tracks.iter().map(|t| {
            let (from, to) = (clock(t.published_at), ended(t.unpublished_at));
            format!(
                "track {} of {}: {from} to {to}, not recorded: {:?}",
                t.sid,
                who(t.participant_id),
                t.not_recorded
            )
        }));
        lines.extend(m.recordings.iter().map(|r| {
            let capture = m.capture(r.capture_id).unwrap().platform_id.as_ref();
            let capture = capture.map_or("no capture", |id| id.as_str());
            let track = r.track.as_ref().map_or("no track", |track| track.sid.as_str());
            format!("recording of {track} by {capture}: {}", state(&r.state))
        }));
        lines.sort();
        let head = format!(
            "meeting {}: {} to {}",
            m.head.state.as_str(),
            clock(m.head.started_at),
            ended(m.head.ended_at())
        );
        format!("{head}\n{}", lines.join("\n"))
    }
}

fn state(state: &RecordingState) -> String {
    match state {
        RecordingState::Requested => "requested".to_owned(),
        RecordingState::Active(active) => format!("active since {}", ended(active.started_at)),
        RecordingState::Complete(c) => {
            let truncated = if c.truncated { ", truncated" } else { "" };
            format!(
                "{} of {} to {}{truncated}",
                c.file.object,
                ended(c.started_at),
                ended(c.ended_at)
            )
        }
        RecordingState::Failed(f) => {
            let file = f.file.as_ref().map(|file| format!(", {}", file.object));
            format!("failed: {} {:?}{}", f.reason, f.error, file.unwrap_or_default())
        }
    }
}

fn upsert<T: Clone, Id: PartialEq>(rows: &mut Vec<T>, new: &[T], ours: impl Fn(&T) -> bool, id: impl Fn(&T) -> Id) {
    for row in new.iter().filter(|row| ours(row)) {
        match rows.iter_mut().find(|known| id(known) == id(row)) {
            Some(known) => *known = row.clone(),
            None => rows.push(row.clone()),
        }
    }
}

fn assert_one_open_capture_each(meeting: &Meeting) {
    let open: Vec<_> = meeting.captures.iter().filter(|c| c.is_open()).collect();
    for (index, capture) in open.iter().enumerate() {
        let is_same = open[..index].iter().any(|other| other.target == capture.target);
        assert!(!is_same, "{:?} has two open captures", capture.target);
    }
}

fn assert_recordings_follow_their_captures(meeting: &Meeting) {
    for recording in meeting.recordings.iter().filter(|r| r.state.file().is_none()) {
        let capture = meeting.capture(recording.capture_id).unwrap();
        assert_eq!(recording.state, RecordingState::without_file(&capture.state));
    }
}

fn clock(time: DateTime<Utc>) -> String {
    format!("{}s", (time - at(0)).as_seconds_f64())
}

fn ended(time: Option<DateTime<Utc>>) -> String {
    time.map_or("now".to_owned(), clock)
}
