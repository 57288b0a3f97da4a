//! A store in memory that writes changes as the database does, and builders of events.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::RoomName;
use crate::clock::IdSource;
use crate::event::{
    EgressFile, EgressReport, EgressStatus, EventKey, EventKind, EventRoom, PlatformEvent, PlatformKind, TrackEvent,
};
use crate::job::Job;
use crate::meeting::{Change, Env, EventContext, LiveParticipant, LiveRoom, Meeting, Outcome};
use crate::participant::{ObservedParticipant, ParticipantKind};
use crate::recording::RecordingState;
use crate::room::Room;
use crate::track::{ObservedTrack, TrackKind, TrackSource};

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
        let sid = &event.room.as_ref().unwrap().sid.0;
        let change = self.context(sid).apply(event, self.env());
        if change.outcome == Outcome::Deferred && !self.deferred.iter().any(|k| k.key == event.key) {
            self.deferred.push(event.clone());
        }
        self.write(sid, change)
    }

    pub fn reconcile(&mut self, live: &LiveRoom) -> Change {
        let change = self.context(&live.room.sid.0).reconcile(live, self.env());
        self.write(&live.room.sid.0, change)
    }

    /// Changes the meeting of a platform room by one of its own functions.
    pub fn change(&mut self, sid: &str, change: impl FnOnce(&Meeting, Env<'_>) -> Change) -> Change {
        let change = change(self.meeting(sid).unwrap(), self.env());
        self.write(sid, change)
    }

    pub fn meeting(&self, sid: &str) -> Option<&Meeting> {
        self.meetings.iter().find(|m| m.head.platform_room_sid.0 == sid)
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
        let others = self.meetings.iter().filter(|m| m.head.platform_room_sid.0 != sid);
        EventContext {
            room: self.room.clone(),
            meeting: self.meeting(sid).cloned(),
            newest_other: others.max_by_key(|m| m.head.started_at).cloned(),
            deferred: self
                .deferred
                .iter()
                .filter(|k| k.room.as_ref().unwrap().sid.0 == sid)
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
            meeting.recordings.retain(|r| !change.withdrawn.contains(&r.id));
            upsert(
                &mut meeting.recordings,
                &change.recordings,
                |r| r.meeting_id == id,
                |r| r.id,
            );
        }
        self.jobs.extend(change.jobs.clone());
        if let Some(meeting) = self.meeting(sid) {
            assert_one_open_recording_each(meeting);
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
            let egress = r.egress_id.as_ref().map_or("no egress", |id| id.as_str());
            format!("recording of {} by {egress}: {}", r.track_sid, state(&r.state))
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
                c.object,
                ended(c.started_at),
                ended(c.ended_at)
            )
        }
        RecordingState::Failed(f) => format!("failed: {} {:?}", f.reason, f.error),
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

fn assert_one_open_recording_each(meeting: &Meeting) {
    for track in &meeting.tracks {
        assert!(
            meeting.recordings_of(track.id).filter(|r| r.is_open()).count() <= 1,
            "{} has two open recordings",
            track.sid
        );
    }
}

/// Seconds after the room's creation.
pub fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_248_000 + seconds, 0).unwrap()
}

fn clock(time: DateTime<Utc>) -> String {
    format!("{}s", (time - at(0)).as_seconds_f64())
}

fn ended(time: Option<DateTime<Utc>>) -> String {
    time.map_or("now".to_owned(), clock)
}

/// Makes the events of one platform room. Times are in seconds after its creation.
#[derive(Clone)]
pub struct Call {
    pub sid: String,
    pub created_at: DateTime<Utc>,
}

impl Call {
    pub fn new(sid: &str) -> Self {
        Self {
            sid: sid.to_owned(),
            created_at: at(0),
        }
    }

    pub fn created(sid: &str, seconds: i64) -> Self {
        Self {
            sid: sid.to_owned(),
            created_at: at(seconds),
        }
    }

    /// Events about rooms and participants carry the room's creation time; those about tracks and egresses do not.
    pub fn event(&self, seconds: i64, kind: EventKind) -> PlatformEvent {
        let has_creation_time = matches!(
            kind,
            EventKind::MeetingStarted
                | EventKind::MeetingEnded
                | EventKind::ParticipantJoined(_)
                | EventKind::ParticipantLeft(_)
        );
        PlatformEvent {
            key: EventKey {
                platform: PlatformKind::Livekit,
                id: format!("{} {seconds} {kind:?}", self.sid),
            },
            name: "event".to_owned(),
            occurred_at: at(seconds),
            room: Some(self.room(has_creation_time)),
            kind,
        }
    }

    pub fn started(&self, seconds: i64) -> PlatformEvent {
        self.event(seconds, EventKind::MeetingStarted)
    }

    pub fn finished(&self, seconds: i64) -> PlatformEvent {
        self.event(seconds, EventKind::MeetingEnded)
    }

    pub fn joined(&self, seconds: i64, who: &ObservedParticipant) -> PlatformEvent {
        self.event(seconds, EventKind::ParticipantJoined(who.clone()))
    }

    pub fn left(&self, seconds: i64, who: &ObservedParticipant) -> PlatformEvent {
        self.event(seconds, EventKind::ParticipantLeft(who.clone()))
    }

    pub fn published(&self, seconds: i64, who: &ObservedParticipant, track: &ObservedTrack) -> PlatformEvent {
        self.event(seconds, EventKind::TrackPublished(track_event(who, track)))
    }

    pub fn unpublished(&self, seconds: i64, who: &ObservedParticipant, track: &ObservedTrack) -> PlatformEvent {
        self.event(seconds, EventKind::TrackUnpublished(track_event(who, track)))
    }

    /// An egress report, in the event that LiveKit sends for the status.
    pub fn egress(&self, seconds: i64, id: &str, track: &ObservedTrack, status: EgressStatus) -> PlatformEvent {
        let report = self.report(seconds, id, track, status);
        let kind = match status {
            EgressStatus::Starting => EventKind::RecordingStarted(report),
            status if status.is_terminal() => EventKind::RecordingEnded(report),
            _ => EventKind::RecordingUpdated(report),
        };
        self.event(seconds, kind)
    }

    pub fn report(&self, seconds: i64, id: &str, track: &ObservedTrack, status: EgressStatus) -> EgressReport {
        let has_audio = !matches!(status, EgressStatus::Starting | EgressStatus::Aborted);
        EgressReport {
            egress_id: Some(id.into()),
            room_sid: Some(self.sid.as_str().into()),
            track_sid: Some(track.sid.clone()),
            status,
            error: (status == EgressStatus::Failed).then(|| "disk full".to_owned()),
            details: None,
            file: has_audio.then(|| EgressFile {
                key: Some(format!("recordings/{id}.ogg")),
                started_at: Some(at(4)),
                ended_at: status.is_terminal().then(|| at(seconds)),
                size_bytes: status.is_terminal().then_some(12345),
            }),
            manifest_location: None,
            started_at: Some(at(3)),
            ended_at: status.is_terminal().then(|| at(seconds)),
        }
    }

    pub fn live(&self, people: &[(&ObservedParticipant, &[ObservedTrack])]) -> LiveRoom {
        let participants = people.iter().map(|(participant, tracks)| LiveParticipant {
            participant: (*participant).clone(),
            tracks: tracks.to_vec(),
        });
        LiveRoom {
            room: self.room(true),
            participants: participants.collect(),
        }
    }

    fn room(&self, has_creation_time: bool) -> EventRoom {
        let created_at = has_creation_time.then_some(self.created_at + TimeDelta::milliseconds(905));
        EventRoom {
            name: "standup".to_owned(),
            sid: self.sid.as_str().into(),
            created_at,
        }
    }
}

fn track_event(who: &ObservedParticipant, track: &ObservedTrack) -> TrackEvent {
    TrackEvent {
        identity: who.identity.clone(),
        participant_sid: who.sid.clone(),
        track: track.clone(),
    }
}

/// A person's connection; it joined 456 ms after the given second.
pub fn person(identity: &str, sid: &str, joined: i64) -> ObservedParticipant {
    ObservedParticipant {
        sid: sid.into(),
        identity: identity.into(),
        display_name: identity.to_uppercase(),
        kind: ParticipantKind::Standard,
        joined_at: Some(at(joined) + TimeDelta::milliseconds(456)),
    }
}

pub fn microphone(sid: &str) -> ObservedTrack {
    ObservedTrack {
        sid: sid.into(),
        kind: TrackKind::Audio,
        source: TrackSource::Microphone,
        mime_type: "audio/red".to_owned(),
        encrypted: false,
    }
}
