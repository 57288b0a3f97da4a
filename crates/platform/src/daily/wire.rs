//! What Daily sends: the bodies of its webhooks and of its answers.
//!
//! Parsing is lenient: unknown fields are ignored, a field of the wrong type counts as missing, names may be in camel or
//! snake case, since Daily uses both.

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;

use crate::lenient::{lenient, list, number, optional_number, time};

/// Names of fields with secrets, in lower case without underscores: the token of a shared recording.
pub const SECRET_FIELDS: &[&str] = &["sharetoken"];

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct WebhookEvent {
    #[serde(rename = "type", deserialize_with = "lenient")]
    pub name: String,
    #[serde(deserialize_with = "lenient")]
    pub id: String,
    /// When it was sent.
    #[serde(deserialize_with = "time")]
    pub event_ts: Option<DateTime<Utc>>,
    #[serde(deserialize_with = "lenient")]
    pub payload: Payload,
}

/// The fields of all events together.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Payload {
    /// Recording events call it `room_name`, the others `room`.
    #[serde(deserialize_with = "lenient")]
    pub room: String,
    #[serde(deserialize_with = "lenient")]
    pub room_name: String,
    #[serde(alias = "mtg_session_id", deserialize_with = "lenient")]
    pub meeting_id: String,
    #[serde(deserialize_with = "time")]
    pub start_ts: Option<DateTime<Utc>>,
    #[serde(deserialize_with = "time")]
    pub end_ts: Option<DateTime<Utc>>,
    #[serde(deserialize_with = "lenient")]
    pub session_id: String,
    #[serde(deserialize_with = "lenient")]
    pub user_id: String,
    #[serde(deserialize_with = "lenient")]
    pub user_name: String,
    #[serde(deserialize_with = "time")]
    pub joined_at: Option<DateTime<Utc>>,
    /// Of a participant's stay or of a recording, in seconds.
    #[serde(deserialize_with = "optional_number")]
    pub duration: Option<i64>,
    #[serde(deserialize_with = "lenient")]
    pub recording_id: String,
    #[serde(deserialize_with = "lenient")]
    pub error_msg: String,
    #[serde(deserialize_with = "time")]
    pub timestamp: Option<DateTime<Utc>>,
    #[serde(alias = "s3Key", alias = "s3key", deserialize_with = "lenient")]
    pub s3_key: String,
    #[serde(deserialize_with = "lenient")]
    pub tracks: Option<Vec<Track>>,
}

/// A recorded track.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Track {
    #[serde(rename = "type", deserialize_with = "lenient")]
    pub kind: String,
    #[serde(alias = "s3Key", alias = "s3key", deserialize_with = "lenient")]
    pub s3_key: String,
    #[serde(deserialize_with = "optional_number")]
    pub size: Option<i64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Room {
    #[serde(deserialize_with = "lenient")]
    pub id: String,
    #[serde(deserialize_with = "lenient")]
    pub name: String,
    #[serde(deserialize_with = "lenient")]
    pub privacy: String,
    #[serde(deserialize_with = "lenient")]
    pub url: String,
    #[serde(deserialize_with = "time")]
    pub created_at: Option<DateTime<Utc>>,
    #[serde(deserialize_with = "lenient")]
    pub config: RoomConfig,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct RoomConfig {
    #[serde(deserialize_with = "time")]
    pub exp: Option<DateTime<Utc>>,
}

#[derive(Debug, Deserialize)]
pub struct Token {
    pub token: String,
}

/// A page of a list.
#[derive(Debug, Deserialize)]
#[serde(bound = "T: serde::de::DeserializeOwned")]
pub struct Page<T> {
    #[serde(deserialize_with = "list")]
    pub data: Vec<T>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Recording {
    #[serde(deserialize_with = "lenient")]
    pub id: String,
    #[serde(alias = "roomName", deserialize_with = "lenient")]
    pub room_name: String,
    #[serde(alias = "startTs", deserialize_with = "time")]
    pub start_ts: Option<DateTime<Utc>>,
    #[serde(deserialize_with = "lenient")]
    pub status: String,
    #[serde(deserialize_with = "optional_number")]
    pub duration: Option<i64>,
    #[serde(alias = "s3Key", alias = "s3_key", deserialize_with = "lenient")]
    pub s3key: String,
    #[serde(alias = "mtgSessionId", deserialize_with = "lenient")]
    pub mtg_session_id: String,
    #[serde(deserialize_with = "lenient")]
    pub tracks: Option<Vec<Track>>,
}

#[derive(Debug, Deserialize)]
pub struct AccessLink {
    pub download_link: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Presence {
    /// The session id.
    #[serde(deserialize_with = "lenient")]
    pub id: String,
    #[serde(alias = "userId", deserialize_with = "lenient")]
    pub user_id: String,
    #[serde(alias = "userName", deserialize_with = "lenient")]
    pub user_name: String,
    #[serde(alias = "joinTime", deserialize_with = "time")]
    pub join_time: Option<DateTime<Utc>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Meeting {
    #[serde(deserialize_with = "lenient")]
    pub id: String,
    #[serde(deserialize_with = "lenient")]
    pub room: String,
    #[serde(deserialize_with = "time")]
    pub start_time: Option<DateTime<Utc>>,
    #[serde(deserialize_with = "number")]
    pub duration: i64,
    #[serde(deserialize_with = "lenient")]
    pub ongoing: Option<bool>,
    #[serde(deserialize_with = "list")]
    pub participants: Vec<MeetingParticipant>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct MeetingParticipant {
    #[serde(deserialize_with = "lenient")]
    pub participant_id: String,
    #[serde(deserialize_with = "lenient")]
    pub user_id: String,
    #[serde(deserialize_with = "lenient")]
    pub user_name: String,
    #[serde(deserialize_with = "time")]
    pub join_time: Option<DateTime<Utc>>,
    #[serde(deserialize_with = "number")]
    pub duration: i64,
}

/// A webhook's settings and state.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Webhook {
    #[serde(deserialize_with = "lenient")]
    pub uuid: String,
    #[serde(deserialize_with = "lenient")]
    pub url: String,
    #[serde(deserialize_with = "lenient")]
    pub state: String,
    #[serde(rename = "failedCount", alias = "failed_count", deserialize_with = "number")]
    pub failed_count: i64,
    #[serde(rename = "lastMomentPushed", alias = "last_moment_pushed", deserialize_with = "time")]
    pub last_moment_pushed: Option<DateTime<Utc>>,
    /// Base64.
    #[serde(deserialize_with = "lenient")]
    pub hmac: Option<SecretString>,
    #[serde(rename = "eventTypes", alias = "event_types", deserialize_with = "list")]
    pub event_types: Vec<String>,
}

/// A list of webhooks, bare or as a page.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Webhooks {
    Bare(Vec<Value>),
    Page { data: Vec<Value> },
}
