//! Judges stored events. The row of an event is committed before it is judged, so that nothing that goes wrong here loses
//! it: a failure is stored with the event, which is judged again until it succeeds.

use std::panic::AssertUnwindSafe;

use domain::{
    event::{EventKind, PlatformEvent},
    meeting::{Env, EventContext, Outcome, Sighting},
};
use futures::FutureExt;
use sqlx::PgPool;
use uuid::Uuid;

use crate::{ChangeTx, StorageError, events, meetings::Adopt, pool};

/// What judging an event gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// The effects of the event, if it has any, are committed.
    Judged(Outcome),
    /// Another process has judged it meanwhile.
    AlreadyJudged,
    /// It has no effect yet, and will be judged again. Contains the error, which is stored with the event.
    Failed(String),
}

/// Judges a stored event and commits its effects in one transaction. Events of one room are serialized by a lock on the
/// room's row.
///
/// # Errors
/// Only if a failure cannot be stored. The event is due all the same.
pub async fn judge(pool: &PgPool, id: Uuid, adopt: Adopt, env: Env<'_>) -> Result<Judgement, StorageError> {
    // An event that makes the domain panic must not be judged at every delivery of another one.
    let error = match AssertUnwindSafe(try_judge(pool, id, adopt, env)).catch_unwind().await {
        Ok(Ok(Some(outcome))) => return Ok(Judgement::Judged(outcome)),
        Ok(Ok(None)) => return Ok(Judgement::AlreadyJudged),
        Ok(Err(error)) => chain(&error),
        Err(_panic) => {
            metrics::counter!("trackscribe_events_panicked_total").increment(1);
            events::PANICKED.to_owned()
        }
    };
    let mut conn = pool::acquire(pool).await?;
    events::set_failed(&mut conn, id, &error).await?;
    Ok(Judgement::Failed(error))
}

async fn try_judge(pool: &PgPool, id: Uuid, adopt: Adopt, env: Env<'_>) -> Result<Option<Outcome>, StorageError> {
    let mut tx = ChangeTx::begin(pool).await?;
    let Some(event) = events::lock_unjudged(tx.conn(), id).await? else {
        return Ok(None);
    };
    let outcome = apply(&mut tx, &event, adopt, env).await?;
    events::set_outcome(tx.conn(), id, outcome).await?;
    tx.commit().await?;
    Ok(Some(outcome))
}

async fn apply(tx: &mut ChangeTx, event: &PlatformEvent, adopt: Adopt, env: Env<'_>) -> Result<Outcome, StorageError> {
    let without_room = |otherwise| match event.kind {
        EventKind::Unknown => Outcome::UnknownEvent,
        _ => otherwise,
    };
    let Some(sighting) = Sighting::of_event(event) else {
        return Ok(without_room(Outcome::Ignored));
    };
    let decide = |context: &EventContext| context.apply(event, env);
    let change = tx.change_platform_room(sighting, adopt, decide).await?;
    Ok(change.map_or_else(|| without_room(Outcome::ForeignRoom), |change| change.outcome))
}

fn chain(error: &StorageError) -> String {
    let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
