//! The feed: facts as customers see them. Live events and outgoing webhooks send the same message.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use serde_json::{Value, json};

use crate::meeting::{Fact, FactKind, MeetingHead};
use crate::recording::Recording;
use crate::{FeedEventId, MeetingId, RecordingId, RoomName};

/// What an event of the feed tells. In JSON, its name has the form `subject.verb`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeedEventType {
    /// Something happened in a meeting.
    Fact(FactKind),
    /// Nothing is sent to an endpoint any more: it is gone, or fails for days.
    EndpointDisabled,
    /// Somebody tests an endpoint. As a webhook, it is sent to that endpoint only.
    EndpointTest,
}

impl FeedEventType {
    /// Returns all types.
    pub fn all() -> impl Iterator<Item = Self> {
        let facts = FactKind::ALL.iter().copied().map(Self::Fact);
        facts.chain([Self::EndpointDisabled, Self::EndpointTest])
    }

    /// Returns the type with this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::all().find(|kind| kind.name() == name)
    }

    /// Returns the name: the word of the fact, with a dot after its subject.
    pub fn name(self) -> String {
        match self {
            Self::Fact(kind) => kind.as_str().replacen('_', ".", 1),
            Self::EndpointDisabled => "endpoint.disabled".to_owned(),
            Self::EndpointTest => "endpoint.test".to_owned(),
        }
    }
}

/// An event that is to be added to the feed.
#[derive(Clone, Debug, PartialEq)]
pub struct NewFeedEvent {
    /// Our id, the same for every receiver.
    pub id: FeedEventId,
    /// What it tells.
    pub kind: FeedEventType,
    /// The name of the room that it is about.
    pub room: Option<String>,
    /// The meeting that it is about.
    pub meeting_id: Option<MeetingId>,
    /// The recording that it is about.
    pub recording_id: Option<RecordingId>,
    /// What customers are told about its subject.
    pub data: Value,
}

/// An event of the feed.
#[derive(Clone, Debug, PartialEq)]
pub struct FeedEvent {
    /// Its place in the feed, from 1. Positions have no gaps, and a later one never becomes visible earlier.
    pub position: i64,
    /// Our id.
    pub id: FeedEventId,
    /// The name of its type. A newer version may have written one that this version does not know.
    pub kind: String,
    /// When it happened.
    pub occurred_at: DateTime<Utc>,
    /// The name of the room that it is about.
    pub room: Option<String>,
    /// The meeting that it is about.
    pub meeting_id: Option<MeetingId>,
    /// What customers are told about its subject.
    pub data: Value,
}

/// The message that customers receive: the fields that Standard Webhooks names, and the id.
#[derive(Serialize)]
struct Message<'a> {
    id: FeedEventId,
    #[serde(rename = "type")]
    kind: &'a str,
    timestamp: String,
    data: &'a Value,
}

impl NewFeedEvent {
    /// Creates the event that tells a fact of a room's meeting.
    pub fn of_fact(id: FeedEventId, room: &RoomName, fact: &Fact) -> Self {
        let mut data = json!({"room": room.as_str(), "meeting": meeting(&fact.meeting)});
        if let Some(about) = &fact.recording {
            data["recording"] = recording(about);
        }
        Self {
            id,
            kind: FeedEventType::Fact(fact.kind),
            room: Some(room.as_str().to_owned()),
            meeting_id: Some(fact.meeting_id()),
            recording_id: fact.recording_id(),
            data,
        }
    }
}

impl FeedEvent {
    /// Returns the message as JSON, on one line. The same event always gives the same text.
    pub fn message(&self) -> String {
        let message = Message {
            id: self.id,
            kind: &self.kind,
            timestamp: self.occurred_at.to_rfc3339_opts(SecondsFormat::Millis, true),
            data: &self.data,
        };
        serde_json::to_string(&message).expect("texts, ids and JSON values can be represented in JSON")
    }
}

fn meeting(head: &MeetingHead) -> Value {
    json!({
        "id": head.id,
        "platform": head.platform_room.platform,
        "state": head.state.as_str(),
        "started_at": head.started_at,
        "ended_at": head.ended_at(),
    })
}

/// Only what lists of recordings also show. Names of people are left out: they are in the API, for those who need them.
fn recording(recording: &Recording) -> Value {
    json!({
        "id": recording.id,
        "identity": recording.identity,
        "state": recording.state.as_str(),
        "reason": recording.state.failure(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_has_a_name_of_subject_and_verb_that_reads_back() {
        for kind in FeedEventType::all() {
            let name = kind.name();
            assert_eq!(name.matches('.').count(), 1, "{name}");
            assert_eq!(FeedEventType::parse(&name), Some(kind));
        }
        assert_eq!(FeedEventType::parse("meeting_opened"), None);
    }

    #[test]
    fn a_message_is_one_line_with_the_fields_of_standard_webhooks() {
        let event = FeedEvent {
            position: 7,
            id: FeedEventId(uuid::Uuid::nil()),
            kind: "meeting.opened".to_owned(),
            occurred_at: DateTime::from_timestamp_millis(1_800_000_000_120).unwrap_or_default(),
            room: Some("standup".to_owned()),
            meeting_id: None,
            data: json!({"room": "standup\n"}),
        };

        insta::assert_snapshot!(event.message(), @r#"{"id":"00000000-0000-0000-0000-000000000000","type":"meeting.opened","timestamp":"2027-01-15T08:00:00.120Z","data":{"room":"standup\n"}}"#);
    }
}
