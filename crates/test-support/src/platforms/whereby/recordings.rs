//! `/recordings`: one composed file for each session that had a recorder.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::StatusCode,
    routing::get,
};
use chrono::{SecondsFormat, Utc};
use serde_json::{Value, json};

use super::{
    FakeWhereby, Shared,
    answer::{Answer, Refusal, invalid, not_found, page, value},
    state::{Recording, iso},
};

pub fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/recordings", get(list))
        .route("/recordings/{id}", get(read).delete(delete))
        .route("/recordings/{id}/access-link", get(link))
}

/// What access links lead to. It needs no key.
pub fn files() -> Router<Arc<Shared>> {
    Router::new().route("/files/{name}", get(download))
}

async fn list(State(shared): State<Arc<Shared>>, Query(query): Query<Vec<(String, String)>>) -> Answer {
    let room = value(&query, "roomName").map(|room| room.trim_start_matches('/'));
    let state = shared.state();
    let wanted = state
        .recordings
        .iter()
        .rev()
        .filter(|recording| room.is_none_or(|room| room == recording.room));
    page(wanted.map(describe).collect(), &query, &["roomName"])
}

async fn read(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Answer {
    let state = shared.state();
    let found = state.recordings.iter().find(|recording| recording.id == id);
    found.map(|found| Json(describe(found))).ok_or_else(not_found)
}

async fn delete(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Result<StatusCode, Refusal> {
    let mut state = shared.state();
    let at = state
        .recordings
        .iter()
        .position(|recording| recording.id == id)
        .ok_or_else(not_found)?;
    let removed = state.recordings.remove(at);
    state.files.remove(&removed.file_name);
    Ok(StatusCode::NO_CONTENT)
}

async fn link(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    Query(query): Query<Vec<(String, String)>>,
) -> Answer {
    let valid_for = value(&query, "validForSeconds").map_or(Ok(3600), str::parse::<u32>);
    if !valid_for.is_ok_and(|seconds| (1..=43_200).contains(&seconds)) {
        return Err(invalid("validForSeconds must be 1 to 43200"));
    }
    let state = shared.state();
    let found = state
        .recordings
        .iter()
        .find(|recording| recording.id == id)
        .ok_or_else(not_found)?;
    let port = shared.port.get().expect("the fake is serving");
    let link = format!("http://127.0.0.1:{port}/files/{}", found.file_name);
    Ok(Json(json!({"accessLink": link, "expires": iso(Utc::now())})))
}

async fn download(State(shared): State<Arc<Shared>>, Path(name): Path<String>) -> Result<Vec<u8>, StatusCode> {
    shared.state().files.get(&name).cloned().ok_or(StatusCode::NOT_FOUND)
}

fn describe(recording: &Recording) -> Value {
    json!({
        "recordingId": recording.id, "roomSessionId": recording.session_id, "roomName": format!("/{}", recording.room),
        "filename": recording.file_name, "startDate": iso(recording.started_at), "endDate": iso(recording.ended_at),
        "sizeInMegaBytes": 1,
    })
}

impl FakeWhereby {
    /// Sets the file of the recording that a session will make: what everyone said, composed.
    pub fn record(&self, file: &[u8]) {
        self.shared.state().files.insert(NEXT_FILE.to_owned(), file.to_vec());
    }
}

/// Under which name the file of the next recording waits.
const NEXT_FILE: &str = "";

impl Shared {
    /// Stores the recording of a session whose recorder has left, and announces it.
    pub(super) async fn finish_recording(&self, recorder: &str) {
        let recording = self.state().store(recorder);
        let payload = json!({
            "filename": recording.file_name, "recordingId": recording.id, "roomName": format!("/{}", recording.room),
            "status": "completed",
        });
        self.emit("recording.finished", payload).await;
    }
}

impl super::State {
    fn store(&mut self, recorder: &str) -> Recording {
        let id = format!("recording-{}", self.new_id());
        let has = |client: &super::state::Client| client.id == recorder;
        let session = self.sessions.iter().find(|session| session.clients.iter().any(has));
        let session = session.expect("the recorder was in a session");
        let started_at = session.started_at;
        let time = started_at.to_rfc3339_opts(SecondsFormat::Secs, true);
        let recording = Recording {
            id,
            session_id: session.id.clone(),
            room: session.room.clone(),
            file_name: format!("{}-{time}.mkv", session.room),
            started_at,
            ended_at: Utc::now(),
        };
        let file = self.files.remove(NEXT_FILE).unwrap_or_default();
        self.files.insert(recording.file_name.clone(), file);
        self.recordings.push(recording.clone());
        recording
    }
}
