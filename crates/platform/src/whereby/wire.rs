//! What Whereby sends: the bodies of its webhooks and of its answers.
//!
//! Parsing is lenient: unknown fields are ignored, and a field of the wrong type counts as missing.

use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde::Deserialize;

use crate::lenient::{lenient, list, time};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct WebhookEvent {
    #[serde(deserialize_with = "lenient")]
    pub id: String,
    #[serde(rename = "type", deserialize_with = "lenient")]
    pub name: String,
    #[serde(rename = "createdAt", deserialize_with = "time")]
    pub created_at: Option<DateTime<Utc>>,
    #[serde(deserialize_with = "lenient")]
    pub data: Data,
}

/// The fields of all events together.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Data {
    /// Events of recordings have no other word about their room.
    #[serde(deserialize_with = "lenient")]
    pub room_name: String,
    #[serde(deserialize_with = "lenient")]
    pub room_session_id: String,
    #[serde(deserialize_with = "lenient")]
    pub participant_id: String,
    #[serde(deserialize_with = "lenient")]
    pub external_id: String,
    #[serde(deserialize_with = "lenient")]
    pub display_name: String,
    #[serde(deserialize_with = "lenient")]
    pub role_name: String,
    #[serde(deserialize_with = "lenient")]
    pub recording_id: String,
    #[serde(deserialize_with = "lenient")]
    pub filename: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Meeting {
    #[serde(deserialize_with = "lenient")]
    pub meeting_id: String,
    #[serde(deserialize_with = "lenient")]
    pub room_name: String,
    #[serde(deserialize_with = "lenient")]
    pub room_url: String,
    #[serde(deserialize_with = "lenient")]
    pub host_room_url: Option<SecretString>,
    #[serde(deserialize_with = "time")]
    pub start_date: Option<DateTime<Utc>>,
    #[serde(deserialize_with = "time")]
    pub end_date: Option<DateTime<Utc>>,
}

/// A page of a list.
#[derive(Debug, Deserialize)]
#[serde(bound = "T: serde::de::DeserializeOwned")]
pub struct Page<T> {
    #[serde(deserialize_with = "list")]
    pub results: Vec<T>,
    /// `None` on the last page.
    #[serde(default, deserialize_with = "lenient")]
    pub cursor: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Recording {
    #[serde(deserialize_with = "lenient")]
    pub recording_id: String,
    #[serde(deserialize_with = "lenient")]
    pub room_session_id: String,
    #[serde(deserialize_with = "lenient")]
    pub room_name: String,
    #[serde(deserialize_with = "lenient")]
    pub filename: String,
    #[serde(deserialize_with = "time")]
    pub start_date: Option<DateTime<Utc>>,
    #[serde(deserialize_with = "time")]
    pub end_date: Option<DateTime<Utc>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccessLink {
    pub access_link: SecretString,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct RoomSession {
    #[serde(deserialize_with = "lenient")]
    pub room_session_id: String,
    #[serde(deserialize_with = "lenient")]
    pub room_name: String,
    #[serde(deserialize_with = "time")]
    pub started_at: Option<DateTime<Utc>>,
    #[serde(deserialize_with = "time")]
    pub ended_at: Option<DateTime<Utc>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Participant {
    #[serde(deserialize_with = "lenient")]
    pub participant_id: String,
    #[serde(deserialize_with = "lenient")]
    pub display_name: String,
    #[serde(deserialize_with = "lenient")]
    pub role_name: String,
    #[serde(deserialize_with = "lenient")]
    pub external_id: String,
    #[serde(deserialize_with = "time")]
    pub joined_at: Option<DateTime<Utc>>,
    #[serde(deserialize_with = "time")]
    pub left_at: Option<DateTime<Utc>>,
}
