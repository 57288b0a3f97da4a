//! People in rooms. Each step sends the events that Whereby sends.

use chrono::Utc;
use serde_json::{Value, json};

use super::{
    FakeWhereby, Shared,
    state::{Client, Session},
};

impl FakeWhereby {
    /// Opens a room's address and returns the id of the participant. Its query may hold `roleKey`, `externalId` and
    /// `displayName`. If the meeting is to be recorded automatically, a recorder joins with the first person.
    ///
    /// # Errors
    /// Why Whereby lets nobody in.
    pub async fn join(&self, url: &str) -> Result<String, String> {
        let (client, recorder) = self.shared.state().admit(url)?;
        let id = client.1.id.clone();
        self.shared.enter(client).await;
        if let Some(recorder) = recorder {
            self.shared.enter(recorder).await;
        }
        Ok(id)
    }

    /// Lets somebody leave. When only programs are left, they leave as well, and the recording is stored.
    ///
    /// # Panics
    /// When the participant is in no room.
    pub async fn leave(&self, client: &str) {
        self.shared.leave(client).await;
    }
}

impl Shared {
    /// Closes a room, as deleting its meeting does.
    pub(super) async fn end_session(&self, room: &str) {
        let people: Vec<String> = {
            let state = self.state();
            let running = state.sessions.iter().find(|s| s.room == room && s.ended_at.is_none());
            let present = running.into_iter().flat_map(Session::present);
            present
                .filter(|client| client.role != "recorder")
                .map(|client| client.id.clone())
                .collect()
        };
        for person in people {
            self.leave(&person).await;
        }
    }

    async fn enter(&self, client: (String, Client)) {
        let joined = self.state().add(client);
        self.emit("room.client.joined", joined).await;
    }

    async fn leave(&self, client: &str) {
        let (left, recorder) = self.state().exit(client);
        self.emit("room.client.left", left).await;
        let Some(recorder) = recorder else { return };
        let (left, _) = self.state().exit(&recorder);
        self.emit("room.client.left", left).await;
        self.finish_recording(&recorder).await;
    }
}

/// A room and who enters it.
type Entry = (String, Client);

impl super::State {
    /// Finds the meeting of an address. Returns who enters, and the recorder if one has to.
    fn admit(&mut self, url: &str) -> Result<(Entry, Option<Entry>), String> {
        let url = reqwest::Url::parse(url).map_err(|_| "not a URL")?;
        let room = url.path().trim_start_matches('/').to_owned();
        let meeting = self.meetings.values().find(|meeting| meeting.room == room).cloned();
        let meeting = meeting.ok_or("no such room")?;
        let query = |name: &str| {
            url.query_pairs()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.into_owned())
        };
        let role = match query("roleKey") {
            None => "visitor",
            Some(key) if key == meeting.role_key => "host",
            Some(_) => return Err("a wrong role key".to_owned()),
        };
        let client = self.client(role, query("displayName"), query("externalId"));
        let is_first = !self.sessions.iter().any(|s| s.room == room && s.ended_at.is_none());
        let records = meeting.asked["recording"]["startTrigger"] == "automatic";
        let recorder = (is_first && records).then(|| (room.clone(), self.client("recorder", None, None)));
        Ok(((room, client), recorder))
    }

    fn client(&mut self, role: &'static str, name: Option<String>, external_id: Option<String>) -> Client {
        Client {
            id: format!("participant-{}", self.new_id()),
            name: name.unwrap_or_default(),
            role,
            external_id: external_id.unwrap_or_default(),
            joined_at: Utc::now(),
            left_at: None,
        }
    }

    /// Returns the payload of `room.client.joined`.
    fn add(&mut self, (room, client): Entry) -> Value {
        let number = self.new_id();
        let meeting_id = self.meetings.values().find(|m| m.room == room).map(|m| m.id.clone());
        if !self.sessions.iter().any(|s| s.room == room && s.ended_at.is_none()) {
            self.sessions.push(Session {
                id: format!("session-{number}"),
                meeting_id: meeting_id.unwrap_or_default(),
                room: room.clone(),
                started_at: client.joined_at,
                ended_at: None,
                clients: Vec::new(),
            });
        }
        let running = self
            .sessions
            .iter_mut()
            .find(|s| s.room == room && s.ended_at.is_none());
        let session = running.expect("it was added");
        session.clients.push(client.clone());
        describe(session, &client)
    }

    /// Returns the payload of `room.client.left`, and the recorder if only it is left.
    fn exit(&mut self, id: &str) -> (Value, Option<String>) {
        let session = self.session_of(id).expect("the participant is in a room");
        let client = session.clients.iter_mut().find(|client| client.id == id);
        let client = client.expect("the participant is in the session");
        client.left_at = Some(Utc::now());
        let left = client.clone();
        let recorder = session
            .present()
            .find(|client| client.role == "recorder")
            .map(|client| client.id.clone());
        let has_people = session.present().any(|client| client.role != "recorder");
        if session.present().count() == 0 {
            session.ended_at = Some(Utc::now());
        }
        (describe(session, &left), recorder.filter(|_| !has_people))
    }
}

fn describe(session: &Session, client: &Client) -> Value {
    let mut by_role = serde_json::Map::new();
    for present in session.present() {
        let count = by_role.get(present.role).and_then(Value::as_u64).unwrap_or_default();
        by_role.insert(present.role.to_owned(), json!(count + 1));
    }
    json!({
        "meetingId": session.meeting_id, "roomName": format!("/{}", session.room), "displayName": client.name,
        "roomSessionId": session.id, "participantId": client.id, "externalId": client.external_id, "metadata": "",
        "roleName": client.role, "numClients": session.present().count(), "numClientsByRoleName": by_role,
        "isDialIn": false,
    })
}
