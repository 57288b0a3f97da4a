//! Who is in which call, and which calls there were.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use domain::event::PlatformKind;
use serde_json::{Map, Value};

use super::client::{DailyClient, RateClass};
use super::wire;
use crate::PlatformError;
use crate::rest::Call;

/// Most entries of a page.
const PAGE: usize = 100;

/// Most pages that are read: 10,000 calls. A list that goes on is answered wrongly.
const MAX_PAGES: usize = 100;

/// Somebody in a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Present {
    /// The id of their connection.
    pub session_id: String,
    /// The user id of their token, or the session's id if it had none.
    pub user_id: String,
    /// Their name; empty if they gave none.
    pub display_name: String,
    /// When they joined, if Daily says it.
    pub joined_at: Option<DateTime<Utc>>,
}

/// A call: one session of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DailyMeeting {
    /// The session's id (`mtgSessionId` of recordings).
    pub id: String,
    /// The room.
    pub room: String,
    /// When it began.
    pub started_at: Option<DateTime<Utc>>,
    /// When it ended; `None` if it is going on.
    pub ended_at: Option<DateTime<Utc>>,
    /// Everyone who was in it.
    pub people: Vec<Attendance>,
}

/// Somebody's stay in a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attendance {
    /// The person and the connection.
    pub person: Present,
    /// How long they have stayed.
    pub duration: TimeDelta,
}

impl DailyClient {
    /// Returns who is in which room of the domain. Rooms without anyone are missing.
    ///
    /// # Errors
    /// The call failed.
    pub async fn presence(&self) -> Result<BTreeMap<String, Vec<Present>>, PlatformError> {
        let rooms: Map<String, Value> = self.get(&["presence"], RateClass::Most).send().await?;
        Ok(rooms.into_iter().filter_map(people_in).collect())
    }

    /// Lists the calls of a room, newest first, at most 100. A room of ours has few: it belongs to one meeting.
    ///
    /// # Errors
    /// The call failed.
    pub async fn list_meetings(&self, room: &str) -> Result<Vec<DailyMeeting>, PlatformError> {
        let page: wire::Page<wire::Meeting> = self.meetings().query("room", room).send().await?;
        Ok(page.data.into_iter().map(meeting).collect())
    }

    /// Lists the calls of all rooms that began at `since` or later, those of others included.
    ///
    /// # Errors
    /// A call failed, or the list does not end.
    pub async fn list_meetings_since(&self, since: DateTime<Utc>) -> Result<Vec<DailyMeeting>, PlatformError> {
        let (mut found, mut after) = (Vec::new(), None::<String>);
        for _ in 0..MAX_PAGES {
            let call = self.meetings().query("timeframe_start", &since.timestamp().to_string());
            let call = match &after {
                Some(id) => call.query("starting_after", id),
                None => call,
            };
            let page: wire::Page<wire::Meeting> = call.send().await?;
            let is_last = page.data.len() < PAGE;
            after = page.data.last().map(|meeting| meeting.id.clone());
            found.extend(page.data.into_iter().map(meeting));
            if is_last {
                return Ok(found);
            }
        }
        let endless = "the list of calls does not end".into();
        Err(PlatformError::UnexpectedResponse(PlatformKind::Daily, endless))
    }

    fn meetings(&self) -> Call<'_> {
        let call = self.get(&["meetings"], RateClass::List);
        call.query("limit", &PAGE.to_string())
    }
}

/// Returns `None` for a field that is no list of people.
fn people_in((room, people): (String, Value)) -> Option<(String, Vec<Present>)> {
    let Value::Array(people) = people else { return None };
    let people = people
        .into_iter()
        .filter_map(|person| serde_json::from_value(person).ok());
    let present: Vec<Present> = people.filter_map(present).collect();
    (!present.is_empty()).then_some((room, present))
}

fn present(sent: wire::Presence) -> Option<Present> {
    person(sent.id, sent.user_id, sent.user_name, sent.join_time)
}

/// Returns `None` for a person without a session. One without a user id has the session's id in its place.
pub(super) fn person(
    session_id: String,
    user_id: String,
    display_name: String,
    joined_at: Option<DateTime<Utc>>,
) -> Option<Present> {
    if session_id.is_empty() {
        return None;
    }
    let user_id = if user_id.is_empty() {
        session_id.clone()
    } else {
        user_id
    };
    Some(Present {
        session_id,
        user_id,
        display_name,
        joined_at,
    })
}

fn meeting(sent: wire::Meeting) -> DailyMeeting {
    let length = TimeDelta::try_seconds(sent.duration.max(0)).unwrap_or_default();
    let is_over = sent.ongoing == Some(false);
    let ended_at = sent.start_time.and_then(|start| start.checked_add_signed(length));
    DailyMeeting {
        id: sent.id,
        room: sent.room,
        started_at: sent.start_time,
        ended_at: ended_at.filter(|_| is_over),
        people: sent.participants.into_iter().filter_map(attendance).collect(),
    }
}

fn attendance(sent: wire::MeetingParticipant) -> Option<Attendance> {
    Some(Attendance {
        person: person(sent.participant_id, sent.user_id, sent.user_name, sent.join_time)?,
        duration: TimeDelta::try_seconds(sent.duration.max(0)).unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn both_spellings_are_read_and_a_person_without_a_user_id_has_the_sessions() {
        let people = json!([
            {"id": "s1", "userId": "u1", "userName": "Zoë", "joinTime": "2026-03-01T09:00:01.000Z"},
            {"id": "s2", "user_id": null, "user_name": "Ada", "join_time": 1_772_355_601},
            {"userId": "no session"}, 7,
        ]);

        let (room, people) = people_in(("standup-1".to_owned(), people)).unwrap();

        assert_eq!((room.as_str(), people.len()), ("standup-1", 2));
        assert_eq!(
            (people[0].user_id.as_str(), people[0].display_name.as_str()),
            ("u1", "Zoë")
        );
        assert_eq!(
            (people[1].user_id.as_str(), people[1].joined_at),
            ("s2", people[0].joined_at)
        );
        assert_eq!(people_in(("total_count".to_owned(), json!(2))), None);
        assert_eq!(people_in(("empty".to_owned(), json!([]))), None);
    }

    #[test]
    fn a_call_has_ended_only_if_daily_says_so() {
        let read = |sent: Value| meeting(serde_json::from_value(sent).unwrap());
        let sent = json!({"id": "m", "room": "r", "start_time": 1000, "duration": 60, "ongoing": false,
            "participants": [{"participant_id": "s1", "user_id": "u1", "join_time": 1010, "duration": 5}]});

        let over = read(sent.clone());
        assert_eq!(over.ended_at.unwrap().timestamp(), 1060);
        assert_eq!(over.people[0].duration, TimeDelta::seconds(5));
        let mut unknown = sent.clone();
        unknown.as_object_mut().unwrap().remove("ongoing");
        assert_eq!(read(unknown).ended_at, None);
        let mut endless = sent;
        endless["duration"] = json!(i64::MAX);
        assert!(read(endless).ended_at.is_some());
    }
}
