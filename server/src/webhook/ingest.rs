//! What an event changes, in one transaction.

use domain::{
    RoomId,
    event::{EventKind, EventRoom, PlatformEvent},
    meeting::{Outcome, Source},
};
use platform::VerifiedEvent;
use storage::{
    PgConnection, StorageError,
    events::{NewEvent, Remembered},
    meetings::{self, Adopt},
};
use uuid::Uuid;

use crate::state::AppState;

/// What is counted for an event that came before.
const REPEATED: &str = "repeated";

/// Stores an event with what it changes and the jobs that follow. A repeated one changes nothing; those of one room wait
/// for each other. Tells what became of it.
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
    tracing::info!(event.name = event.name, event.id = event.key.id, %outcome, "webhook taken");
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
    let Some(situation) = meetings::situation(conn, event.key.platform, room, adopt).await? else {
        return Ok(outcome_without_room(event, Outcome::ForeignRoom));
    };
    let change = situation.apply(event, Source { now, ids: &app.ids });
    meetings::save(conn, &change).await?;
    Ok(change.outcome)
}

/// An event that concerns no room of ours.
fn outcome_without_room(event: &PlatformEvent, otherwise: Outcome) -> Outcome {
    match event.kind {
        EventKind::Unknown => Outcome::UnknownEvent,
        _ => otherwise,
    }
}
