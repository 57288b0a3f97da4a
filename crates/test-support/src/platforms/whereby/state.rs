//! What the fake knows.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::Value;

#[derive(Debug, Default)]
pub struct State {
    pub meetings: BTreeMap<String, Meeting>,
    /// All sessions of all rooms, oldest first.
    pub sessions: Vec<Session>,
    pub recordings: Vec<Recording>,
    pub files: BTreeMap<String, Vec<u8>>,
    pub webhook_url: Option<String>,
    last_id: u64,
}

#[derive(Clone, Debug)]
pub struct Meeting {
    pub id: String,
    /// Without the leading slash.
    pub room: String,
    /// The request.
    pub asked: Value,
    pub role_key: String,
}

#[derive(Clone, Debug)]
pub struct Session {
    pub id: String,
    pub meeting_id: String,
    pub room: String,
    pub started_at: DateTime<Utc>,
    pub ended_at: Option<DateTime<Utc>>,
    pub clients: Vec<Client>,
}

/// Somebody, or a program of Whereby.
#[derive(Clone, Debug)]
pub struct Client {
    pub id: String,
    pub name: String,
    pub role: &'static str,
    pub external_id: String,
    pub joined_at: DateTime<Utc>,
    pub left_at: Option<DateTime<Utc>>,
}

#[derive(Clone, Debug)]
pub struct Recording {
    pub id: String,
    pub session_id: String,
    pub room: String,
    pub file_name: String,
    pub started_at: DateTime<Utc>,
    pub ended_at: DateTime<Utc>,
}

impl State {
    /// Returns a new number.
    pub fn new_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// Returns the running session in which a client is.
    pub fn session_of(&mut self, client: &str) -> Option<&mut Session> {
        let has = |session: &Session| session.present().any(|present| present.id == client);
        self.sessions
            .iter_mut()
            .find(|session| session.ended_at.is_none() && has(session))
    }
}

impl Session {
    pub fn present(&self) -> impl Iterator<Item = &Client> {
        self.clients.iter().filter(|client| client.left_at.is_none())
    }
}

/// A time as Whereby writes it.
pub fn iso(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}
