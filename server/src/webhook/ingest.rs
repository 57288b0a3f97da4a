//! Stores an event, then judges it.

use domain::{RoomId, meeting::Env};
use platform::VerifiedEvent;
use storage::{
    StorageError,
    events::{NewEvent, Stored},
    inbox::{self, Judgement},
    meetings::Adopt,
};
use uuid::Uuid;

use crate::state::AppState;

/// Outcome in metrics of an event that is stored and will be judged again.
const FAILED: &str = "failed";

/// Outcome in metrics of an event that was already judged.
pub const REPEATED: &str = "repeated";

/// Commits the events of a webhook to the inbox, all or none. From then on they cannot be lost.
pub async fn store(app: &AppState, events: &[VerifiedEvent]) -> Result<Vec<Stored>, StorageError> {
    let new = |verified| new_event(app, verified);
    if let [verified] = events {
        let stored = storage::events::store(&mut *app.conn().await?, &new(verified)).await?;
        return Ok(vec![stored]);
    }
    let mut tx = app.begin().await?;
    let mut stored = Vec::new();
    for verified in events {
        stored.push(storage::events::store(&mut tx, &new(verified)).await?);
    }
    storage::pool::commit(tx).await?;
    Ok(stored)
}

fn new_event<'a>(app: &AppState, verified: &'a VerifiedEvent) -> NewEvent<'a> {
    NewEvent {
        id: (app.ids)(),
        event: &verified.event,
        received_at: (app.clock)(),
        body: &verified.stored_body,
    }
}

/// Judges a stored event: commits the changes to its meeting and the resulting jobs. Returns the outcome for metrics. What
/// fails here is judged again by a worker, or when the platform repeats the event.
pub async fn judge(app: &AppState, id: Uuid) -> &'static str {
    let now = (app.clock)();
    let adopt = match app.options.adopt_rooms {
        true => Adopt::As {
            id: RoomId((app.ids)()),
            now,
        },
        false => Adopt::Never,
    };
    match inbox::judge(&app.pool, id, adopt, Env { now, ids: &app.ids }).await {
        Ok(Judgement::Judged(outcome)) => {
            tracing::info!(event.id = %id, %outcome, "webhook judged");
            outcome.as_str()
        }
        Ok(Judgement::AlreadyJudged) => REPEATED,
        Ok(Judgement::Failed(error)) => {
            tracing::error!(event.id = %id, error, "cannot judge a stored webhook; a worker will try again");
            FAILED
        }
        Err(error) => {
            let error = format!("{:#}", anyhow::Error::from(error));
            tracing::warn!(event.id = %id, error, "cannot judge a stored webhook; a worker will try again");
            FAILED
        }
    }
}
