//! `/insights`.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Query, State},
    routing::get,
};
use serde_json::json;

use super::{
    Shared,
    answer::{Answer, invalid, page, value},
    state::iso,
};

pub fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/insights/room-sessions", get(sessions))
        .route("/insights/participants", get(participants))
}

async fn sessions(State(shared): State<Arc<Shared>>, Query(query): Query<Vec<(String, String)>>) -> Answer {
    let room = value(&query, "roomName").map(|room| {
        room.strip_prefix('/')
            .ok_or_else(|| invalid("roomName needs its slash"))
    });
    let room = room.transpose()?;
    let state = shared.state();
    let found = state
        .sessions
        .iter()
        .rev()
        .filter(|session| room.is_none_or(|room| room == session.room));
    let sessions = found.map(|session| {
        let mut described = json!({
            "roomSessionId": session.id, "roomName": format!("/{}", session.room), "startedAt": iso(session.started_at),
            "totalUniqueParticipants": session.clients.len(),
        });
        if let Some(ended_at) = session.ended_at {
            described["endedAt"] = json!(iso(ended_at));
        }
        described
    });
    page(sessions.collect(), &query, &["roomName", "roomSessionId"])
}

async fn participants(State(shared): State<Arc<Shared>>, Query(query): Query<Vec<(String, String)>>) -> Answer {
    let id = value(&query, "roomSessionId").ok_or_else(|| invalid("roomSessionId or externalId is required"))?;
    let state = shared.state();
    let session = state.sessions.iter().find(|session| session.id == id);
    let clients = session.into_iter().flat_map(|session| &session.clients).map(|client| {
        json!({
            "participantId": client.id, "displayName": client.name, "roleName": client.role,
            "externalId": client.external_id, "joinedAt": iso(client.joined_at), "leftAt": client.left_at.map(iso),
        })
    });
    page(clients.collect(), &query, &["roomSessionId", "externalId"])
}
