use axum::{extract::State, http::StatusCode};
use domain::{audit::AuditAction, room::Room};

use super::{RoomPath, audit::entry};
use crate::{
    api::{
        caller::Writer,
        error::{ApiResult, Problem},
    },
    state::AppState,
};

/// Delete a room
///
/// Meetings, recordings and transcripts of the room are kept, and a meeting in progress is recorded to its end. The name
/// can be used for a new room. Repeating the request returns 404.
#[utoipa::path(
    delete, path = "/v1/rooms/{name}", operation_id = "delete_room", tag = "rooms",
    security(("key" = ["write"])),
    params(("name" = String, Path, description = "Room name")),
    responses(
        (status = 204, description = "The room is deleted"),
        (status = 404, body = Problem, description = "`not-found`: no room has this name"),
    ),
)]
pub async fn delete(State(app): State<AppState>, caller: Writer, path: RoomPath) -> ApiResult<StatusCode> {
    let mut tx = app.begin().await?;
    let room = path.lock(&mut tx).await?;
    let now = (app.clock)();
    storage::rooms::delete(&mut tx, room.id, now).await?;
    let room = Room {
        updated_at: now,
        ..room
    };
    storage::audit::append(&mut tx, &entry(caller.actor, AuditAction::DeleteRoom, &room)).await?;
    storage::pool::commit(tx).await?;
    Ok(StatusCode::NO_CONTENT)
}
