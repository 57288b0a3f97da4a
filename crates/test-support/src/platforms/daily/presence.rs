//! `/presence` and `/meetings`.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Query, State},
    routing::get,
};
use chrono::{SecondsFormat, Utc};
use serde_json::{Map, Value, json};

use super::{
    Shared,
    answer::{Answer, page, value},
    state::{Call, Person},
};

pub fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/presence", get(presence))
        .route("/meetings", get(meetings))
}

async fn presence(State(shared): State<Arc<Shared>>) -> Answer {
    let state = shared.state();
    let in_call = |call: &Call| call.present().map(|person| present(call, person)).collect();
    let rooms: Map<String, Value> = state
        .calls
        .iter()
        .map(|(room, call)| (room.clone(), Value::Array(in_call(call))))
        .collect();
    Ok(Json(Value::Object(rooms)))
}

fn present(call: &Call, person: &Person) -> Value {
    json!({
        "id": person.session_id, "room": call.room, "userId": person.user_id, "userName": person.user_name,
        "joinTime": person.joined_at.to_rfc3339_opts(SecondsFormat::Millis, true),
        "duration": (Utc::now() - person.joined_at).num_seconds(),
    })
}

async fn meetings(State(shared): State<Arc<Shared>>, Query(query): Query<Vec<(String, String)>>) -> Answer {
    let since: i64 = value(&query, "timeframe_start")
        .and_then(|time| time.parse().ok())
        .unwrap_or_default();
    let room = value(&query, "room");
    let state = shared.state();
    let calls = state.calls.values().chain(state.ended.iter().rev());
    let is_wanted = |call: &&Call| room.is_none_or(|room| room == call.room) && call.started_at.timestamp() >= since;
    page(
        calls.filter(is_wanted).map(meeting).collect(),
        &query,
        &["room", "ongoing", "timeframe_start"],
    )
}

fn meeting(call: &Call) -> Value {
    let until = |ended_at: Option<_>| ended_at.unwrap_or_else(Utc::now);
    let people = call.people.iter().map(|person| {
        json!({
            "user_id": person.user_id, "participant_id": person.session_id, "user_name": person.user_name,
            "join_time": person.joined_at.timestamp(),
            "duration": (until(person.left_at) - person.joined_at).num_seconds(),
        })
    });
    json!({
        "id": call.id, "room": call.room, "start_time": call.started_at.timestamp(),
        "duration": (until(call.ended_at) - call.started_at).num_seconds(),
        "ongoing": call.ended_at.is_none(), "participants": people.collect::<Vec<_>>(),
    })
}
