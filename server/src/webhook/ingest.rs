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

/// Commits an event to the inbox. From then on it cannot be lost.
pub async fn store(app: &AppState, verified: &VerifiedEvent) -> Result<Stored, StorageError> {
    let new = NewEvent {
        id: (app.ids)(),
        event: &verified.event,
        received_at: (app.clock)(),
        body: &verified.stored_body,
    };
    storage::events::store(&mut *app.conn().await?, &new).await
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
