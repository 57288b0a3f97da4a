//! Platform rooms that hold several meetings, one after the other.

use chrono::DateTime;
use uuid::Uuid;

use super::support::at;
use crate::clock::IdSource;
use crate::event::{EventKey, EventKind, EventRoom, PlatformEvent, PlatformKind};
use crate::meeting::{Change, Env, EventContext, MeetingHead, Outcome, Sighting};
use crate::participant::{ObservedParticipant, ParticipantKind};
use crate::room::Room;
use crate::{RoomName, meeting::Meeting};

const URL: &str = "https://acme.daily.test/standup-1";

/// A room whose platform names sessions in some events only.
struct DailyRoom {
    room: Room,
    meetings: Vec<Meeting>,
    deferred: Vec<PlatformEvent>,
    ids: IdSource,
}

impl DailyRoom {
    fn new() -> Self {
        let name = RoomName::parse("standup").unwrap();
        Self {
            room: Room::new(Uuid::nil().into(), name, PlatformKind::Daily, at(0)),
            meetings: Vec::new(),
            deferred: Vec::new(),
            ids: std::sync::Arc::new(Uuid::now_v7),
        }
    }

    fn apply(&mut self, event: &PlatformEvent) -> Outcome {
        let heads: Vec<MeetingHead> = self.meetings.iter().map(|m| m.head.clone()).collect();
        let sighting = Sighting::of_event(event).unwrap();
        let id = sighting.meeting(&heads).map(|head| head.id);
        let (meeting, others): (Vec<_>, Vec<_>) =
            self.meetings.clone().into_iter().partition(|m| Some(m.head.id) == id);
        let context = EventContext {
            room: self.room.clone(),
            url: Some(URL.to_owned()),
            meeting: meeting.into_iter().next(),
            newest_other: others.into_iter().max_by_key(|m| m.head.started_at),
            deferred: self
                .deferred
                .iter()
                .filter(|e| sighting.concerns(e, &heads))
                .cloned()
                .collect(),
        };
        let change = context.apply(
            event,
            Env {
                now: at(0),
                ids: &self.ids,
            },
        );
        if change.outcome == Outcome::Deferred {
            self.deferred.push(event.clone());
        }
        self.write(&change);
        change.outcome
    }

    fn write(&mut self, change: &Change) {
        for head in &change.meetings {
            match self.meetings.iter_mut().find(|m| m.head.id == head.id) {
                Some(known) => known.head = head.clone(),
                None => self.meetings.push(Meeting {
                    head: head.clone(),
                    participants: Vec::new(),
                    connections: Vec::new(),
                    tracks: Vec::new(),
                    captures: Vec::new(),
                    recordings: Vec::new(),
                }),
            }
        }
        for meeting in &mut self.meetings {
            let id = meeting.head.id;
            let ours = change.participants.iter().filter(|p| p.meeting_id == id).cloned();
            meeting.participants.extend(ours);
        }
    }

    /// Session, start, end and people of each meeting.
    fn outline(&self) -> Vec<String> {
        let seconds = |time: DateTime<_>| (time - at(0)).num_seconds();
        let mut lines: Vec<String> = self
            .meetings
            .iter()
            .map(|m| {
                let session = m.head.platform_room.session.as_ref().map_or("?", |s| s.as_str());
                let people: Vec<_> = m.participants.iter().map(|p| p.identity.as_str()).collect();
                let (from, to) = (seconds(m.head.started_at), m.head.ended_at().map(seconds));
                format!("{session} {from} {to:?} {}", people.join(" "))
            })
            .collect();
        lines.sort();
        lines
    }
}

fn event(session: Option<&str>, seconds: i64, kind: EventKind) -> PlatformEvent {
    let names_start = matches!(kind, EventKind::MeetingStarted);
    PlatformEvent {
        key: EventKey {
            platform: PlatformKind::Daily,
            id: format!("{session:?} {seconds} {kind:?}"),
        },
        name: "event".to_owned(),
        occurred_at: at(seconds),
        room: Some(EventRoom {
            name: None,
            key: "standup-1".into(),
            session: session.map(Into::into),
            created_at: names_start.then(|| at(seconds)),
        }),
        kind,
    }
}

fn person(identity: &str, joined: i64) -> ObservedParticipant {
    ObservedParticipant {
        sid: format!("{identity}-{joined}").as_str().into(),
        identity: identity.into(),
        display_name: String::new(),
        kind: ParticipantKind::Standard,
        joined_at: Some(at(joined)),
    }
}

fn joined(identity: &str, seconds: i64) -> PlatformEvent {
    event(None, seconds, EventKind::ParticipantJoined(person(identity, seconds)))
}

fn left(identity: &str, from: i64, to: i64) -> PlatformEvent {
    event(None, to, EventKind::ParticipantLeft(person(identity, from)))
}

fn started(session: &str, seconds: i64) -> PlatformEvent {
    event(Some(session), seconds, EventKind::MeetingStarted)
}

fn ended(session: &str, seconds: i64) -> PlatformEvent {
    event(Some(session), seconds, EventKind::MeetingEnded)
}

fn outline_of(events: &[PlatformEvent]) -> Vec<String> {
    let mut room = DailyRoom::new();
    for event in events {
        room.apply(event);
    }
    room.outline()
}

#[test]
fn people_who_come_back_after_the_end_are_in_another_meeting() {
    let [start, ada, gone, end] = [started("a", 0), joined("ada", 1), left("ada", 1, 60), ended("a", 60)];
    let [again, bob, over] = [started("b", 90), joined("bob", 91), ended("b", 99)];
    let expected = ["a 0 Some(60) ada", "b 90 Some(99) bob"];

    let all = [&start, &ada, &gone, &end, &again, &bob, &over].map(Clone::clone);
    let starts_are_late = [&ada, &start, &gone, &end, &bob, &again, &over].map(Clone::clone);
    let first_end_is_late = [&start, &ada, &again, &bob, &gone, &end, &over].map(Clone::clone);
    let end_comes_first = [&end, &start, &ada, &gone, &again, &bob, &over].map(Clone::clone);

    assert_eq!(outline_of(&all), expected);
    assert_eq!(outline_of(&starts_are_late), expected);
    assert_eq!(outline_of(&end_comes_first), expected);
    assert_eq!(outline_of(&first_end_is_late), expected);
}

#[test]
fn a_late_event_without_a_session_does_not_open_another_meeting() {
    let events = [
        started("a", 0),
        joined("ada", 1),
        ended("a", 60),
        left("ada", 1, 61),
        joined("bob", 30),
    ];

    assert_eq!(outline_of(&events), ["a 0 Some(60) ada bob"]);
}

#[test]
fn a_meeting_knows_where_people_open_its_room() {
    let mut room = DailyRoom::new();

    room.apply(&joined("ada", 1));

    assert_eq!(room.meetings[0].head.platform_room.url.as_deref(), Some(URL));
    assert_eq!(room.meetings[0].head.platform_room.session, None);
}
