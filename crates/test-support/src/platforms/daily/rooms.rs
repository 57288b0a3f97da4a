//! `/rooms`.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    routing::get,
};
use chrono::Utc;
use serde_json::{Value, json};

use super::{
    super::fields::{OPTIONAL, REQUIRED, Type, check},
    Shared,
    answer::{Answer, invalid, not_found, page},
    state::Room,
};

/// Longest name that the fake takes.
const MAX_NAME: usize = 128;

pub fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/rooms", get(list).post(create))
        .route("/rooms/{name}", get(read).delete(delete))
}

async fn create(State(shared): State<Arc<Shared>>, Json(body): Json<Value>) -> Answer {
    check_room(&body).map_err(invalid)?;
    let name = body["name"].as_str().unwrap_or_default().to_owned();
    let mut state = shared.state();
    if state.rooms.contains_key(&name) {
        return Err(invalid(format!("a room named {name} already exists")));
    }
    let room = Room {
        id: state.new_id(),
        privacy: body["privacy"].as_str().unwrap_or("public").to_owned(),
        properties: body["properties"].clone(),
        created_at: Utc::now(),
    };
    let described = describe(&name, &room);
    state.rooms.insert(name, room);
    Ok(Json(described))
}

async fn list(State(shared): State<Arc<Shared>>, Query(query): Query<Vec<(String, String)>>) -> Answer {
    let state = shared.state();
    let rooms: Vec<Value> = state.rooms.iter().map(|(name, room)| describe(name, room)).collect();
    page(rooms, &query, &[])
}

async fn read(State(shared): State<Arc<Shared>>, Path(name): Path<String>) -> Answer {
    let state = shared.state();
    let room = state.rooms.get(&name).ok_or_else(not_found)?;
    Ok(Json(describe(&name, room)))
}

async fn delete(State(shared): State<Arc<Shared>>, Path(name): Path<String>) -> Answer {
    let removed = shared.state().rooms.remove(&name);
    removed.ok_or_else(not_found)?;
    shared.end_call(&name).await;
    Ok(Json(json!({"deleted": true, "name": name})))
}

fn check_room(body: &Value) -> Result<(), String> {
    check(
        body,
        &[
            ("name", Type::Text, REQUIRED),
            ("privacy", Type::Word(&["public", "private"]), OPTIONAL),
            ("properties", Type::Object, REQUIRED),
        ],
    )?;
    let name = body["name"].as_str().unwrap_or_default();
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.len() > MAX_NAME || !name.chars().all(is_allowed) {
        return Err("the name has characters that are not allowed".to_owned());
    }
    let recording = Type::Word(&["cloud", "local", "raw-tracks", "cloud-audio-only"]);
    let properties = [
        ("exp", Type::Number, REQUIRED),
        ("nbf", Type::Number, OPTIONAL),
        ("eject_at_room_exp", Type::Flag, OPTIONAL),
        ("max_participants", Type::Number, OPTIONAL),
        ("enable_recording", recording, OPTIONAL),
        ("recordings_bucket", Type::Object, OPTIONAL),
    ];
    check(&body["properties"], &properties)?;
    let expires_at = body["properties"]["exp"].as_i64().unwrap_or_default();
    if expires_at <= Utc::now().timestamp() || expires_at > 10_000_000_000 {
        return Err("exp is not a time in the future in seconds".to_owned());
    }
    Ok(())
}

fn describe(name: &str, room: &Room) -> Value {
    json!({
        "id": room.id, "name": name, "api_created": true, "privacy": room.privacy,
        "url": format!("https://acme.daily.co/{name}"),
        "created_at": room.created_at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
        "config": room.properties,
    })
}
