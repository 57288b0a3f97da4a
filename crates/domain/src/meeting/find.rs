//! Which meeting of a platform room something belongs to.

use chrono::{DateTime, Utc};

use super::{LiveRoom, MeetingHead};
use crate::event::{EventKind, EventRoom, PlatformEvent, PlatformKind};

/// Something that a platform tells about one of its rooms, which belongs to one of the room's meetings.
#[derive(Clone, Copy, Debug)]
pub struct Sighting<'a> {
    /// The platform.
    pub platform: PlatformKind,
    /// The platform room, and its session if that is told.
    pub room: &'a EventRoom,
    /// When it happened. For a person, when they joined.
    pub at: DateTime<Utc>,
    /// Whether it shows that a person is or was in the room.
    pub shows_person: bool,
}

impl<'a> Sighting<'a> {
    /// Returns what an event tells; `None` if it names no room.
    pub fn of_event(event: &'a PlatformEvent) -> Option<Self> {
        let joined_at = match &event.kind {
            EventKind::ParticipantJoined(who) | EventKind::ParticipantLeft(who) if who.kind.is_person() => {
                Some(who.joined_at.unwrap_or(event.occurred_at))
            }
            _ => None,
        };
        Some(Self {
            platform: event.key.platform,
            room: event.room.as_ref()?,
            at: joined_at.unwrap_or(event.occurred_at),
            shows_person: joined_at.is_some(),
        })
    }

    /// Returns what a list of the people in a room tells.
    pub fn of_live(platform: PlatformKind, live: &'a LiveRoom) -> Self {
        let joined = live.people().map(|p| p.participant.joined_at.unwrap_or(live.listed_at));
        let last_joined = joined.max();
        Self {
            platform,
            room: &live.room,
            at: last_joined.unwrap_or(live.listed_at),
            shows_person: last_joined.is_some(),
        }
    }

    /// Returns the meeting that this belongs to, among the meetings of its platform room; `None` if it belongs to one that
    /// is not known yet.
    ///
    /// If the room's meetings have sessions, the session decides. What names none belongs to the first meeting that had not
    /// ended by then. A person who joined after the end of all of them is in another meeting; anything else is late then,
    /// and belongs to the newest.
    pub fn meeting<'m>(&self, of_room: &'m [MeetingHead]) -> Option<&'m MeetingHead> {
        if !self.platform.has_sessions() {
            return of_room.first();
        }
        let session = self.room.session.as_ref();
        let is_same = |m: &&MeetingHead| session.is_some() && m.platform_room.session.as_ref() == session;
        if let Some(same) = of_room.iter().find(is_same) {
            return Some(same);
        }
        let may_be = |m: &&MeetingHead| m.platform_room.may_be(self.room);
        let mut candidates: Vec<&MeetingHead> = of_room.iter().filter(may_be).collect();
        candidates.sort_by_key(|m| m.started_at);
        let lasted = |m: &&&MeetingHead| m.ended_at().is_none_or(|ended_at| self.at <= ended_at);
        match candidates.iter().find(lasted) {
            Some(meeting) => Some(meeting),
            None if session.is_some() || self.shows_person => None,
            None => candidates.last().copied(),
        }
    }

    /// Whether a deferred event can belong to the meeting that this belongs to: it belongs to no other meeting of the
    /// platform room.
    pub fn concerns(&self, deferred: &PlatformEvent, of_room: &[MeetingHead]) -> bool {
        let other = Sighting::of_event(deferred).and_then(|sighting| sighting.meeting(of_room));
        other.is_none_or(|other| self.meeting(of_room).is_some_and(|ours| ours.id == other.id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meeting::MeetingState;
    use crate::platform_room::PlatformRoomRef;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    fn head(platform: PlatformKind, session: Option<&str>, from: i64, to: Option<i64>) -> MeetingHead {
        MeetingHead {
            id: uuid::Uuid::from_u64_pair(0, from.unsigned_abs()).into(),
            room_id: uuid::Uuid::nil().into(),
            platform_room: PlatformRoomRef {
                platform,
                key: "key".into(),
                session: session.map(Into::into),
                url: None,
            },
            started_at: at(from),
            state: to.map_or(MeetingState::Open { missing_since: None }, |to| MeetingState::Closed {
                ended_at: at(to),
            }),
        }
    }

    fn found(of_room: &[MeetingHead], session: Option<&str>, seconds: i64, shows_person: bool) -> Option<i64> {
        let room = EventRoom {
            name: None,
            key: "key".into(),
            session: session.map(Into::into),
            created_at: None,
        };
        let sighting = Sighting {
            platform: of_room
                .first()
                .map_or(PlatformKind::Daily, |m| m.platform_room.platform),
            room: &room,
            at: at(seconds),
            shows_person,
        };
        let meeting = sighting.meeting(of_room)?;
        Some((meeting.started_at - at(0)).num_seconds())
    }

    #[test]
    fn a_room_without_sessions_has_one_meeting() {
        let closed = [head(PlatformKind::Livekit, None, 0, Some(10))];

        assert_eq!(found(&closed, None, 99, true), Some(0));
        assert_eq!(found(&[], None, 99, true), None);
    }

    #[test]
    fn a_session_decides_and_an_unnamed_meeting_takes_a_new_one() {
        let two = [
            head(PlatformKind::Daily, Some("a"), 0, Some(10)),
            head(PlatformKind::Daily, None, 20, None),
        ];

        assert_eq!(found(&two, Some("a"), 99, true), Some(0));
        assert_eq!(found(&two, Some("b"), 21, false), Some(20));
        assert_eq!(found(&two[..1], Some("b"), 5, false), None);
    }

    #[test]
    fn without_a_session_the_time_decides() {
        let two = [
            head(PlatformKind::Whereby, Some("a"), 0, Some(10)),
            head(PlatformKind::Whereby, Some("b"), 20, Some(30)),
        ];

        assert_eq!(found(&two, None, 10, true), Some(0));
        assert_eq!(found(&two, None, 25, true), Some(20));
        assert_eq!(found(&two, None, 31, true), None, "somebody came after the end");
        assert_eq!(found(&two, None, 31, false), Some(20), "a late event");
    }
}
