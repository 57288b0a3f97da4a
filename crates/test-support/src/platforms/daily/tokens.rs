//! `/meeting-tokens`.

use std::sync::Arc;

use axum::{Json, Router, extract::State, routing::post};
use chrono::Utc;
use serde_json::{Value, json};

use super::{
    super::fields::{OPTIONAL, REQUIRED, Type, check},
    Shared,
    answer::{Answer, invalid},
};

/// Longest user id that Daily keeps, in characters.
const MAX_USER_ID: usize = 36;

pub fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/meeting-tokens", post(create))
}

/// Refuses a token without a room or an end, which Daily would issue: it opens every room, for ever.
async fn create(State(shared): State<Arc<Shared>>, Json(body): Json<Value>) -> Answer {
    check(&body, &[("properties", Type::Object, REQUIRED)]).map_err(invalid)?;
    let properties = &body["properties"];
    check_token(properties).map_err(invalid)?;
    let mut state = shared.state();
    let token = format!("token-{}", state.new_id());
    state.tokens.insert(token.clone(), properties.clone());
    Ok(Json(json!({"token": token})))
}

fn check_token(properties: &Value) -> Result<(), String> {
    let fields = [
        ("room_name", Type::Text, REQUIRED),
        ("exp", Type::Number, REQUIRED),
        ("user_id", Type::Text, OPTIONAL),
        ("user_name", Type::Text, OPTIONAL),
        ("is_owner", Type::Flag, OPTIONAL),
        ("enable_recording_ui", Type::Flag, OPTIONAL),
        ("permissions", Type::Object, OPTIONAL),
    ];
    check(properties, &fields)?;
    let user_id = properties["user_id"].as_str().unwrap_or_default();
    if user_id.chars().count() > MAX_USER_ID {
        return Err("user_id has more than 36 characters".to_owned());
    }
    if properties["exp"].as_i64() <= Some(Utc::now().timestamp()) {
        return Err("exp is in the past".to_owned());
    }
    Ok(())
}
