//! `/meetings`.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::StatusCode,
    routing::get,
};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::{
    super::fields::{OPTIONAL, REQUIRED, Type, check},
    Shared,
    answer::{Answer, Refusal, invalid, not_found, page, value},
    state::Meeting,
};

/// Longest prefix of a room's name, in characters.
const MAX_PREFIX: usize = 39;

pub fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/meetings", get(list).post(create))
        .route("/meetings/{id}", get(read).delete(delete))
}

async fn create(
    State(shared): State<Arc<Shared>>,
    Json(body): Json<Value>,
) -> Result<(StatusCode, Json<Value>), Refusal> {
    check_meeting(&body).map_err(invalid)?;
    let mut state = shared.state();
    let number = state.new_id();
    let prefix = body["roomNamePrefix"].as_str().unwrap_or_default();
    let meeting = Meeting {
        id: (812_000 + number).to_string(),
        room: format!("{prefix}5d1d2f3c-0b7e-4c11-9f65-{number:012x}"),
        role_key: format!("role-key-{number}"),
        asked: body,
    };
    let described = describe(&meeting, asks_for_host(&meeting.asked["fields"]));
    state.meetings.insert(meeting.id.clone(), meeting);
    Ok((StatusCode::CREATED, Json(described)))
}

async fn read(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    Query(query): Query<Vec<(String, String)>>,
) -> Answer {
    let state = shared.state();
    let meeting = state.meetings.get(&id).ok_or_else(not_found)?;
    Ok(Json(describe(meeting, value(&query, "fields") == Some("hostRoomUrl"))))
}

async fn list(State(shared): State<Arc<Shared>>, Query(query): Query<Vec<(String, String)>>) -> Answer {
    let meetings = shared
        .state()
        .meetings
        .values()
        .map(|meeting| describe(meeting, false))
        .collect();
    page(meetings, &query, &[])
}

async fn delete(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Result<StatusCode, Refusal> {
    let removed = shared.state().meetings.remove(&id);
    let removed = removed.ok_or_else(not_found)?;
    shared.end_session(&removed.room).await;
    Ok(StatusCode::NO_CONTENT)
}

fn check_meeting(body: &Value) -> Result<(), String> {
    let fields = [
        ("endDate", Type::Text, REQUIRED),
        ("isLocked", Type::Flag, OPTIONAL),
        ("roomMode", Type::Word(&["normal", "group"]), OPTIONAL),
        ("roomNamePrefix", Type::Text, OPTIONAL),
        ("roomNamePattern", Type::Word(&["uuid", "human-short"]), OPTIONAL),
        ("recording", Type::Object, OPTIONAL),
        ("fields", Type::List, OPTIONAL),
    ];
    check(body, &fields)?;
    let ends_at = DateTime::parse_from_rfc3339(body["endDate"].as_str().unwrap_or_default());
    if ends_at.map_err(|_| "endDate is not a time")? < Utc::now() {
        return Err("endDate is in the past".to_owned());
    }
    let prefix = body["roomNamePrefix"].as_str().unwrap_or_default();
    if prefix.chars().count() > MAX_PREFIX || prefix.chars().any(char::is_uppercase) {
        return Err("roomNamePrefix is too long or not in lower case".to_owned());
    }
    match &body["recording"] {
        Value::Null => Ok(()),
        recording => check_recording(recording),
    }
}

fn check_recording(recording: &Value) -> Result<(), String> {
    let triggers = &["none", "prompt", "automatic", "automatic-2nd-participant"];
    let has_destination = recording["type"] == "cloud";
    let fields = [
        ("type", Type::Word(&["none", "local", "cloud"]), REQUIRED),
        ("destination", Type::Object, has_destination),
        ("startTrigger", Type::Word(triggers), REQUIRED),
    ];
    check(recording, &fields)?;
    let is_s3 = recording["destination"]["provider"] == "s3";
    let destination = [
        ("provider", Type::Word(&["s3", "whereby"]), REQUIRED),
        ("authenticationType", Type::Word(&["accessKey", "roleBased"]), is_s3),
        ("bucket", Type::Text, is_s3),
        ("region", Type::Text, is_s3),
        ("accessKeyId", Type::Text, OPTIONAL),
        ("accessKeySecret", Type::Text, OPTIONAL),
        ("oidcRoleArn", Type::Text, OPTIONAL),
        ("fileFormat", Type::Word(&["mkv", "mp4"]), OPTIONAL),
    ];
    if has_destination {
        check(&recording["destination"], &destination)?;
    }
    Ok(())
}

fn asks_for_host(fields: &Value) -> bool {
    fields
        .as_array()
        .is_some_and(|fields| fields.iter().any(|field| field == "hostRoomUrl"))
}

fn describe(meeting: &Meeting, with_host: bool) -> Value {
    let url = format!("https://acme.whereby.com/{}", meeting.room);
    let mut described = json!({
        "meetingId": meeting.id, "roomName": format!("/{}", meeting.room), "roomUrl": url,
        "startDate": "2026-03-01T09:00:00.000Z", "endDate": meeting.asked["endDate"],
    });
    if with_host {
        described["hostRoomUrl"] = json!(format!("{url}?roleKey={}", meeting.role_key));
    }
    described
}
