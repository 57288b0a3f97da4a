//! Starting, stopping and listing recordings.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    routing::{get, post},
};
use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};

use super::{
    super::fields::{OPTIONAL, REQUIRED, Type, check},
    FakeDaily, Shared,
    answer::{Answer, invalid, not_found, page, value},
    media,
    state::Recording,
};

pub fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/rooms/{name}/recordings/start", post(start))
        .route("/rooms/{name}/recordings/stop", post(stop))
        .route("/recordings", get(list))
        .route("/recordings/{id}", get(read).delete(delete))
        .route("/recordings/{id}/access-link", get(link))
}

async fn start(State(shared): State<Arc<Shared>>, Path(room): Path<String>, Json(body): Json<Value>) -> Answer {
    let fields = [
        (
            "type",
            Type::Word(&["cloud", "raw-tracks", "cloud-audio-only"]),
            REQUIRED,
        ),
        ("instanceId", Type::Text, REQUIRED),
        ("maxDuration", Type::Number, REQUIRED),
        ("minIdleTimeOut", Type::Number, REQUIRED),
        ("dataOutputs", Type::List, OPTIONAL),
    ];
    check(&body, &fields).map_err(invalid)?;
    let instance_id = body["instanceId"].as_str().unwrap_or_default().to_owned();
    let recording = shared.state().begin(&room, instance_id).map_err(invalid)?;
    let payload = json!({
        "action": "start-cloud-recording", "recording_id": recording.id, "instance_id": recording.instance_id,
        "start_ts": recording.started_at.timestamp(), "layout": {"preset": "raw-tracks"},
    });
    shared.emit("recording.started", payload).await;
    Ok(Json(json!({"recordingId": recording.id})))
}

async fn stop(State(shared): State<Arc<Shared>>, Path(room): Path<String>, Json(body): Json<Value>) -> Answer {
    let fields = [
        ("type", Type::Word(&["raw-tracks"]), REQUIRED),
        ("instanceId", Type::Text, OPTIONAL),
    ];
    check(&body, &fields).map_err(invalid)?;
    if shared.state().running(&room).is_none() {
        return Err(invalid(format!("room {room} has no active recording")));
    }
    shared.finish_recording(&room).await;
    Ok(Json(json!({})))
}

async fn list(State(shared): State<Arc<Shared>>, Query(query): Query<Vec<(String, String)>>) -> Answer {
    let state = shared.state();
    let room = value(&query, "room_name");
    let newest = state
        .recordings
        .iter()
        .rev()
        .filter(|recording| room.is_none_or(|room| room == recording.room));
    let described = newest
        .map(|recording| describe(recording, state.hides_tracks))
        .collect();
    page(described, &query, &["room_name"])
}

async fn read(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Answer {
    let state = shared.state();
    let found = state
        .recordings
        .iter()
        .find(|recording| recording.id == id)
        .ok_or_else(not_found)?;
    Ok(Json(describe(found, state.hides_tracks)))
}

async fn delete(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Answer {
    let mut state = shared.state();
    let at = state
        .recordings
        .iter()
        .position(|recording| recording.id == id)
        .ok_or_else(not_found)?;
    state.recordings.remove(at);
    Ok(Json(json!({"deleted": true, "id": id})))
}

async fn link(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Answer {
    let state = shared.state();
    let found = state
        .recordings
        .iter()
        .find(|recording| recording.id == id)
        .ok_or_else(not_found)?;
    let key = found.tracks.first().map(|(key, _)| key).ok_or_else(not_found)?;
    let port = shared.port.get().expect("the fake is serving");
    let expires = Utc::now().timestamp() + 3600;
    Ok(Json(
        json!({"download_link": format!("http://127.0.0.1:{port}/files/{key}"), "expires": expires}),
    ))
}

fn describe(recording: &Recording, hides_tracks: bool) -> Value {
    let tracks = recording
        .tracks
        .iter()
        .map(|(key, size)| json!({"type": "audio", "s3Key": key, "size": size}));
    let status = match (recording.is_canceled, recording.ended_at) {
        (true, _) => "canceled",
        (false, Some(_)) => "finished",
        (false, None) => "in-progress",
    };
    json!({
        "id": recording.id, "room_name": recording.room, "start_ts": recording.started_at.timestamp(),
        "status": status, "max_participants": 1, "s3key": recording.key(), "mtgSessionId": recording.call_id,
        "duration": recording.ended_at.map(|end| (end - recording.started_at).num_seconds()),
        "tracks": if hides_tracks { Value::Null } else { tracks.collect() },
    })
}

impl FakeDaily {
    /// Ends a room's recording while the call goes on, as Daily does at its limits.
    pub async fn reach_limit(&self, room: &str) {
        self.shared.finish_recording(room).await;
    }

    /// Lets a room's recording fail.
    ///
    /// # Panics
    /// When the room is not being recorded.
    pub async fn fail_recording(&self, room: &str) {
        let payload = {
            let mut state = self.shared.state();
            let recording = state.running(room).expect("the room is being recorded");
            recording.ended_at = Some(Utc::now());
            recording.is_canceled = true;
            json!({
                "action": "clourd-recording-err", "error_msg": "example failure",
                "instance_id": recording.instance_id, "room_name": room, "timestamp": Utc::now().timestamp(),
            })
        };
        self.shared.emit("recording.error", payload).await;
    }

    /// Adds recordings of a room that began in the past: the newest `apart` before now, each `apart` after an older one.
    pub fn add_old_recordings(&self, room: &str, count: i32, apart: TimeDelta) {
        let mut state = self.shared.state();
        for age in (1..=count).rev() {
            let started_at = Utc::now() - apart * age;
            let recording = Recording {
                id: state.new_id(),
                room: room.to_owned(),
                call_id: "an old call".to_owned(),
                instance_id: "an old instance".to_owned(),
                started_at,
                ended_at: Some(started_at + TimeDelta::minutes(1)),
                is_canceled: false,
                tracks: Vec::new(),
            };
            state.recordings.push(recording);
        }
    }

    /// Answers `tracks: null` from now on, as Daily does when it may not list our bucket.
    pub fn hide_tracks(&self) {
        self.shared.state().hides_tracks = true;
    }
}

impl Shared {
    /// Writes the files of a room's recording and announces it, unless nobody said anything.
    pub(super) async fn finish_recording(&self, room: &str) {
        let Some(recording) = media::finish(&mut self.state(), room) else {
            return;
        };
        if recording.tracks.is_empty() {
            return;
        }
        let hides_tracks = self.state().hides_tracks;
        let described = describe(&recording, hides_tracks);
        let payload = json!({
            "type": "raw-tracks", "recording_id": recording.id, "room_name": room, "status": "finished",
            "start_ts": recording.started_at.timestamp(), "max_participants": 1,
            "duration": described["duration"], "s3_key": recording.key(), "tracks": described["tracks"],
        });
        self.emit("recording.ready-to-download", payload).await;
    }
}

impl super::State {
    fn begin(&mut self, room: &str, instance_id: String) -> Result<Recording, String> {
        let known = self.rooms.get(room).ok_or("no such room")?;
        if known.properties["enable_recording"] != "raw-tracks" {
            return Err("recording is not enabled".to_owned());
        }
        let call = self.calls.get(room).map(|call| call.id.clone());
        let call_id = call.ok_or_else(|| format!("room {room} does not seem to be hosting a call"))?;
        if self
            .running(room)
            .is_some_and(|running| running.instance_id == instance_id)
        {
            return Err(format!("room {room} has an active stream"));
        }
        let recording = Recording {
            id: self.new_id(),
            room: room.to_owned(),
            call_id,
            instance_id,
            started_at: Utc::now(),
            ended_at: None,
            is_canceled: false,
            tracks: Vec::new(),
        };
        self.recordings.push(recording.clone());
        Ok(recording)
    }
}
