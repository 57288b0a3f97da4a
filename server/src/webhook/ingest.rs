//! Stores an event and its effects in one transaction.

use domain::{
    RoomId,
    event::{EventKind, EventRoom, PlatformEvent},
    meeting::{Env, Outcome},
};
use platform::VerifiedEvent;
use storage::{
    PgConnection, StorageError,
    events::{NewEvent, Remembered},
    meetings::{self, Adopt},
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
    let mut tx = app.begin().await?;
    if remember(&mut tx, app, id, verified).await? == Remembered::Repeated {
        return Ok(REPEATED);
    }
    let event = &verified.event;
    let outcome = match &event.room {
        Some(room) => apply(&mut tx, app, event, room).await?,
        None => outcome_without_room(event, Outcome::Ignored),
    };
    storage::events::set_outcome(&mut tx, id, outcome).await?;
    storage::pool::commit(tx).await?;
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
    conn: &mut PgConnection,
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
    let Some(context) = meetings::event_context(conn, event.key.platform, room, adopt).await? else {
        return Ok(outcome_without_room(event, Outcome::ForeignRoom));
    };
    let change = context.apply(event, Env { now, ids: &app.ids });
    meetings::save(conn, &change).await?;
    Ok(change.outcome)
}

/// Returns the outcome of an event that concerns none of our rooms.
fn outcome_without_room(event: &PlatformEvent, otherwise: Outcome) -> Outcome {
    match event.kind {
        EventKind::Unknown => Outcome::UnknownEvent,
        _ => otherwise,
    }
}
