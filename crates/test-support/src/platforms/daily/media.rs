//! The files of recordings: WebM with Opus, whose times count from the start of the recording.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Path, State},
    http::StatusCode,
    routing::get,
};
use chrono::{DateTime, Utc};

use super::{
    Shared,
    state::{Person, Recording},
};
use crate::audio::webm;

pub fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/files/{*key}", get(download))
}

/// What an access link leads to. It needs no key.
async fn download(State(shared): State<Arc<Shared>>, Path(key): Path<String>) -> Result<Vec<u8>, StatusCode> {
    shared.state().files.get(&key).cloned().ok_or(StatusCode::NOT_FOUND)
}

/// Ends the recording of a room and writes one file per sound that somebody made in it. Returns `None` if none is running.
pub fn finish(state: &mut super::State, room: &str) -> Option<Recording> {
    let people = state
        .calls
        .get(room)
        .map(|call| call.people.clone())
        .unwrap_or_default();
    let mut recording = state.running(room)?.clone();
    recording.ended_at = Some(Utc::now());
    let files: Vec<_> = people.iter().flat_map(|person| files(&recording, person)).collect();
    for (key, file) in files {
        recording.tracks.push((key.clone(), file.len()));
        state.files.insert(key, file);
    }
    *state.running(room)? = recording.clone();
    Some(recording)
}

fn files(recording: &Recording, person: &Person) -> Vec<(String, Vec<u8>)> {
    let heard = person
        .said
        .iter()
        .filter(|(began_at, _)| *began_at >= recording.started_at);
    let file = |(began_at, sound): &(DateTime<Utc>, Vec<f32>)| {
        let offset = (*began_at - recording.started_at).to_std().unwrap_or_default();
        let key = format!(
            "{}-{}-cam-audio-{}",
            recording.key(),
            person.session_id,
            began_at.timestamp_millis()
        );
        (key, webm(sound, offset))
    };
    heard.map(file).collect()
}
