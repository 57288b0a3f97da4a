//! Stores an event and its effects in one transaction.

use domain::{
    RoomId,
    event::{EventKind, EventRoom, PlatformEvent},
    meeting::{Env, EventContext, Outcome},
};
use platform::VerifiedEvent;
use storage::{
    ChangeTx, PgConnection, StorageError,
    events::{NewEvent, Remembered},
    meetings::Adopt,
};
use uuid::Uuid;

use crate::state::AppState;

/// Outcome in metrics of an event that was already stored.
const REPEATED: &str = "repeated";

/// Stores an event, the changes to its meeting and the resulting jobs, and returns the outcome for metrics.
///
/// A repeated event changes nothing. Events of one room are serialized by a lock on the room's row.
pub async fn ingest(app: &AppState, verified: &VerifiedEvent) -> Result<&'static str, StorageError> {
    let id = (app.ids)();
    let mut tx = ChangeTx::begin(&app.pool).await?;
    if remember(tx.conn(), app, id, verified).await? == Remembered::Repeated {
        return Ok(REPEATED);
    }
    let event = &verified.event;
    let outcome = match &event.room {
        Some(room) => apply(&mut tx, app, event, room).await?,
        None => outcome_without_room(event, Outcome::Ignored),
    };
    storage::events::set_outcome(tx.conn(), id, outcome).await?;
    tx.commit().await?;
    tracing::info!(event.name = event.name, event.id = event.key.id, %outcome, "webhook stored");
    Ok(outcome.as_str())
}

async fn remember(
    conn: &mut PgConnection,
    app: &AppState,
    id: Uuid,
    verified: &VerifiedEvent,
) -> Result<Remembered, StorageError> {
    let (event, body) = (&verified.event, &verified.stored_body);
    let new = NewEvent {
        id,
        event,
        received_at: (app.clock)(),
        body,
    };
    storage::events::remember(conn, &new).await
}

async fn apply(
    tx: &mut ChangeTx,
    app: &AppState,
    event: &PlatformEvent,
    room: &EventRoom,
) -> Result<Outcome, StorageError> {
    let now = (app.clock)();
    let adopt = if app.options.adopt_rooms {
        Adopt::As {
            id: RoomId((app.ids)()),
            now,
        }
    } else {
        Adopt::Never
    };
    let env = Env { now, ids: &app.ids };
    let decide = |context: &EventContext| context.apply(event, env);
    let change = tx.change_platform_room(event.key.platform, room, adopt, decide).await?;
    Ok(change.map_or_else(
        || outcome_without_room(event, Outcome::ForeignRoom),
        |change| change.outcome,
    ))
}

/// Returns the outcome of an event that concerns none of our rooms.
fn outcome_without_room(event: &PlatformEvent, otherwise: Outcome) -> Outcome {
    match event.kind {
        EventKind::Unknown => Outcome::UnknownEvent,
        _ => otherwise,
    }
}
