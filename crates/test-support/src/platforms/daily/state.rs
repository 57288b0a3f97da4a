//! What the fake knows.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::limits::Windows;

#[derive(Debug, Default)]
pub struct State {
    pub rooms: BTreeMap<String, Room>,
    /// The properties of issued tokens.
    pub tokens: BTreeMap<String, Value>,
    /// Running calls by their room.
    pub calls: BTreeMap<String, Call>,
    pub ended: Vec<Call>,
    /// Oldest first.
    pub recordings: Vec<Recording>,
    pub webhooks: Vec<Webhook>,
    pub files: BTreeMap<String, Vec<u8>>,
    pub windows: Windows,
    /// Whether Daily has lost the right to list our bucket, so that `tracks` is null.
    pub hides_tracks: bool,
    last_id: u64,
}

#[derive(Clone, Debug)]
pub struct Room {
    pub id: String,
    pub privacy: String,
    pub properties: Value,
    pub created_at: DateTime<Utc>,
}

#[derive(Clone, Debug)]
pub struct Call {
    pub id: String,
    pub room: String,
    pub started_at: DateTime<Utc>,
    pub ended_at: Option<DateTime<Utc>>,
    pub people: Vec<Person>,
}

#[derive(Clone, Debug)]
pub struct Person {
    pub session_id: String,
    pub user_id: String,
    pub user_name: String,
    pub joined_at: DateTime<Utc>,
    pub left_at: Option<DateTime<Utc>>,
    /// What they said, and when they began: mono, 48 kHz.
    pub said: Vec<(DateTime<Utc>, Vec<f32>)>,
}

#[derive(Clone, Debug)]
pub struct Recording {
    pub id: String,
    pub room: String,
    pub call_id: String,
    pub instance_id: String,
    pub started_at: DateTime<Utc>,
    pub ended_at: Option<DateTime<Utc>>,
    pub is_canceled: bool,
    /// Key and size of each file.
    pub tracks: Vec<(String, usize)>,
}

#[derive(Clone, Debug)]
pub struct Webhook {
    pub id: String,
    pub url: String,
    /// Base64.
    pub hmac: String,
    pub event_types: Vec<String>,
    pub state: String,
    pub failures: u64,
    pub last_pushed_at: Option<DateTime<Utc>>,
}

impl State {
    /// Returns a new UUID.
    pub fn new_id(&mut self) -> String {
        self.last_id += 1;
        format!("1f6f0a9e-7d0f-4a36-8a53-{:012x}", self.last_id)
    }

    /// Returns the recording that is running in a room.
    pub fn running(&mut self, room: &str) -> Option<&mut Recording> {
        self.recordings
            .iter_mut()
            .find(|recording| recording.room == room && recording.ended_at.is_none())
    }
}

impl Call {
    pub fn present(&self) -> impl Iterator<Item = &Person> {
        self.people.iter().filter(|person| person.left_at.is_none())
    }
}

impl Recording {
    /// What the keys of its files begin with.
    pub fn key(&self) -> String {
        format!("acme/{}/{}", self.room, self.started_at.timestamp_millis())
    }
}

/// Unix seconds with a fraction, as Daily sends some times.
pub fn seconds(time: DateTime<Utc>) -> f64 {
    time.timestamp_millis() as f64 / 1000.0
}
