//! People in calls. Each step sends the events that Daily sends.

use chrono::Utc;
use serde_json::{Value, json};

use super::{
    FakeDaily, Shared,
    state::{Call, Person, seconds},
};

impl FakeDaily {
    /// Lets the holder of a token join, and returns the id of their session.
    ///
    /// # Errors
    /// Why Daily lets them not in.
    pub async fn join(&self, token: &str) -> Result<String, String> {
        let (room, person) = self.shared.state().admit(token)?;
        let session_id = person.session_id.clone();
        let begun = self.shared.state().enter(&room, person.clone());
        if let Some(begun) = begun {
            self.shared.emit("meeting.started", begun).await;
        }
        self.shared.emit("participant.joined", describe(&room, &person)).await;
        Ok(session_id)
    }

    /// Lets somebody speak from now on, for as long as the sound lasts: mono, 48 kHz.
    ///
    /// # Panics
    /// When the session is not in a call.
    pub fn speak(&self, session_id: &str, sound: &[f32]) {
        let mut state = self.shared.state();
        let people = state.calls.values_mut().flat_map(|call| call.people.iter_mut());
        let person = people.into_iter().find(|person| person.session_id == session_id);
        let person = person.expect("the session is in a call");
        person.said.push((Utc::now(), sound.to_vec()));
    }

    /// Lets somebody leave. The last one ends the call and its recording.
    ///
    /// # Panics
    /// When the session is not in a call.
    pub async fn leave(&self, session_id: &str) {
        let room = {
            let state = self.shared.state();
            let is_in = |call: &&Call| call.present().any(|person| person.session_id == session_id);
            let call = state.calls.values().find(is_in).expect("the session is in a call");
            call.room.clone()
        };
        self.shared.leave(&room, session_id).await;
    }
}

impl Shared {
    /// Ejects everyone, as a room does that is deleted or expires.
    pub(super) async fn end_call(&self, room: &str) {
        let sessions: Vec<String> = {
            let state = self.state();
            let people = state.calls.get(room).into_iter().flat_map(|call| call.present());
            people.map(|person| person.session_id.clone()).collect()
        };
        for session in sessions {
            self.leave(room, &session).await;
        }
    }

    async fn leave(&self, room: &str, session_id: &str) {
        let left = self.state().exit(room, session_id);
        self.emit("participant.left", left).await;
        let is_empty = self
            .state()
            .calls
            .get(room)
            .is_some_and(|call| call.present().count() == 0);
        if !is_empty {
            return;
        }
        self.finish_recording(room).await;
        let ended = self.state().close(room);
        self.emit("meeting.ended", ended).await;
    }
}

impl super::State {
    /// Checks a token as Daily does, and describes its holder.
    fn admit(&mut self, token: &str) -> Result<(String, Person), String> {
        let session_id = self.new_id();
        let token = self.tokens.get(token).ok_or("no such token")?;
        let text = |name: &str| token[name].as_str().unwrap_or_default().to_owned();
        let room_name = text("room_name");
        let room = self.rooms.get(&room_name).ok_or("no such room")?;
        let now = Utc::now();
        if [token, &room.properties]
            .iter()
            .any(|limits| limits["exp"].as_i64() <= Some(now.timestamp()))
        {
            return Err("expired".to_owned());
        }
        let user_id = Some(text("user_id")).filter(|id| !id.is_empty());
        let person = Person {
            user_id: user_id.unwrap_or_else(|| session_id.clone()),
            session_id,
            user_name: text("user_name"),
            joined_at: now,
            left_at: None,
            said: Vec::new(),
        };
        Ok((room_name, person))
    }

    /// Returns the payload of `meeting.started` if the call begins with this person.
    fn enter(&mut self, room: &str, person: Person) -> Option<Value> {
        if let Some(call) = self.calls.get_mut(room) {
            call.people.push(person);
            return None;
        }
        let call = Call {
            id: self.new_id(),
            room: room.to_owned(),
            started_at: person.joined_at,
            ended_at: None,
            people: vec![person],
        };
        let payload = json!({"start_ts": seconds(call.started_at), "meeting_id": call.id, "room": room});
        self.calls.insert(room.to_owned(), call);
        Some(payload)
    }

    /// Returns the payload of `participant.left`.
    fn exit(&mut self, room: &str, session_id: &str) -> Value {
        let call = self.calls.get_mut(room).expect("the room has a call");
        let people = &mut call.people;
        let person = people.iter_mut().find(|person| person.session_id == session_id);
        let person = person.expect("the session is in the call");
        let now = Utc::now();
        person.left_at = Some(now);
        let mut payload = describe(room, person);
        payload["duration"] = json!((now - person.joined_at).num_seconds());
        payload
    }

    /// Returns the payload of `meeting.ended`.
    fn close(&mut self, room: &str) -> Value {
        let mut call = self.calls.remove(room).expect("the room has a call");
        let now = Utc::now();
        call.ended_at = Some(now);
        let payload = json!({
            "start_ts": seconds(call.started_at), "end_ts": seconds(now), "meeting_id": call.id, "room": room,
        });
        self.ended.push(call);
        payload
    }
}

fn describe(room: &str, person: &Person) -> Value {
    json!({
        "session_id": person.session_id, "joined_at": seconds(person.joined_at), "room": room,
        "user_id": person.user_id, "user_name": person.user_name, "owner": false,
        "permissions": {"hasPresence": true, "canSend": true, "canAdmin": false},
    })
}
