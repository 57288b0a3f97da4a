//! The inbox: every verified webhook, once.

use chrono::{DateTime, Utc};
use domain::{
    PlatformRoomKey,
    event::{EventKey, PlatformEvent, PlatformKind},
    meeting::Outcome,
};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{StorageError, row::Row};

/// Deferred events of one platform room that are read at most. A room normally has a few; more suggest abuse.
const MAX_DEFERRED: i64 = 500;

/// Seconds after which others may judge a new event. The server judges it at once, and answers within three seconds.
const JUDGE_AFTER_S: f64 = 5.0;

/// Longest pause between two attempts to judge an event, in seconds. Each attempt locks the room for a moment.
const MAX_JUDGE_PAUSE_S: f64 = 300.0;

/// Events that one call deletes at most, so that it ends within the limit of a statement's time. Each has a whole body.
const PRUNED_AT_ONCE: i64 = 1_000;

/// The error of an event that made this program panic.
pub(crate) const PANICKED: &str = "judging the event panicked; see the log for the location";

/// A webhook to store.
#[derive(Clone, Debug)]
pub struct NewEvent<'a> {
    pub id: Uuid,
    pub event: &'a PlatformEvent,
    pub received_at: DateTime<Utc>,
    /// The body as received, without storage credentials.
    pub body: &'a Value,
}

/// Whether a stored event still has to be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    /// It is new, or judging it did not succeed before. Contains the row's id.
    Unjudged(Uuid),
    /// It was received and judged before.
    Judged,
}

/// Stores an event unless it is already stored. A simultaneous duplicate waits for the first one's transaction.
pub async fn store(conn: &mut PgConnection, new: &NewEvent<'_>) -> Result<Stored, StorageError> {
    let event = new.event;
    let parsed =
        serde_json::to_value(event).expect("an event contains texts, times and numbers, which JSON can represent");
    let inserted = sqlx::query!(
        "INSERT INTO events (id, platform, event_id, name, room_key, occurred_at, received_at, body, event, outcome,
                             judge_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'unjudged', now() + make_interval(secs => $10))
         ON CONFLICT (platform, event_id) DO NOTHING",
        new.id,
        event.key.platform.as_str(),
        event.key.id,
        event.name,
        event.room.as_ref().map(|room| room.key.as_str()),
        event.occurred_at,
        new.received_at,
        new.body,
        parsed,
        JUDGE_AFTER_S,
    )
    .execute(&mut *conn)
    .await?;
    if inserted.rows_affected() == 1 {
        return Ok(Stored::Unjudged(new.id));
    }
    let unjudged = sqlx::query_scalar!(
        "SELECT id
         FROM events
         WHERE platform = $1 AND event_id = $2 AND judge_at IS NOT NULL",
        event.key.platform.as_str(),
        event.key.id,
    )
    .fetch_optional(conn)
    .await?;
    Ok(unjudged.map_or(Stored::Judged, Stored::Unjudged))
}

/// Locks an event that is to be judged, until the transaction ends; `None` if it has been judged.
pub async fn lock_unjudged(conn: &mut PgConnection, id: Uuid) -> Result<Option<PlatformEvent>, StorageError> {
    let event = sqlx::query_scalar!(
        "SELECT event
         FROM events
         WHERE id = $1 AND judge_at IS NOT NULL
         FOR UPDATE",
        id
    )
    .fetch_optional(conn)
    .await?;
    event.map(|event| read(id, event)).transpose()
}

/// Sets the outcome of an event that was judged.
pub async fn set_outcome(conn: &mut PgConnection, id: Uuid, outcome: Outcome) -> Result<(), StorageError> {
    sqlx::query!(
        "UPDATE events SET outcome = $2, judge_at = NULL, error = NULL WHERE id = $1",
        id,
        outcome.as_str()
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Notes that judging an event failed. It is due again after a pause that doubles each time.
pub async fn set_failed(conn: &mut PgConnection, id: Uuid, error: &str) -> Result<(), StorageError> {
    sqlx::query!(
        "UPDATE events
         SET outcome = 'failed', error = $2, judgements = judgements + 1,
             judge_at = now() + make_interval(secs => least($3, power(2, least(judgements, 20))))
         WHERE id = $1 AND judge_at IS NOT NULL",
        id,
        error,
        MAX_JUDGE_PAUSE_S,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Notes that judging a deferred event made this program panic. From now on it is judged by itself, after pauses that double
/// each time, so that it does not hold up the other events of its room.
pub async fn set_panicked(conn: &mut PgConnection, key: &EventKey) -> Result<(), StorageError> {
    tracing::error!(
        event.key = key.id,
        "a deferred webhook made this program panic; it is judged again by itself"
    );
    metrics::counter!("trackscribe_events_panicked_total").increment(1);
    sqlx::query!(
        "UPDATE events
         SET outcome = 'failed', error = $3, judgements = judgements + 1, judge_at = now() + make_interval(secs => $4)
         WHERE platform = $1 AND event_id = $2 AND outcome = 'deferred'",
        key.platform.as_str(),
        key.id,
        PANICKED,
        JUDGE_AFTER_S,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Lists events that are due to be judged, the longest due first.
pub async fn list_unjudged(conn: &mut PgConnection, limit: i64) -> Result<Vec<Uuid>, StorageError> {
    let due = sqlx::query_scalar!(
        "SELECT id
         FROM events
         WHERE judge_at <= now()
         ORDER BY judge_at, id
         LIMIT $1",
        limit
    )
    .fetch_all(conn)
    .await?;
    Ok(due)
}

/// Lists the deferred events of a platform room, which later events may let the domain judge, in order of receipt. One that
/// cannot be read is logged and left out, so that it does not hold up the rest.
pub async fn list_deferred(
    conn: &mut PgConnection,
    platform: PlatformKind,
    key: &PlatformRoomKey,
) -> Result<Vec<PlatformEvent>, StorageError> {
    let rows = sqlx::query!(
        "SELECT id, event
         FROM events
         WHERE platform = $1 AND room_key = $2 AND outcome = 'deferred'
         ORDER BY received_at, id
         LIMIT $3",
        platform.as_str(),
        key.as_str(),
        MAX_DEFERRED,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .filter_map(|row| read_or_log(row.id, row.event))
        .collect())
}

/// Deletes events that were received before `before`, some at a time, and returns how many. Those that are deferred, or not
/// judged yet, stay. A platform that repeated a deleted event would be believed, so they are kept for longer than
/// platforms repeat them.
pub async fn prune(conn: &mut PgConnection, before: DateTime<Utc>) -> Result<u64, StorageError> {
    let pruned = sqlx::query!(
        "DELETE FROM events
         WHERE id IN (SELECT id
                      FROM events
                      WHERE received_at < $1 AND judge_at IS NULL AND outcome <> 'deferred'
                      ORDER BY received_at
                      LIMIT $2
                      FOR UPDATE SKIP LOCKED)",
        before,
        PRUNED_AT_ONCE,
    )
    .execute(conn)
    .await?;
    Ok(pruned.rows_affected())
}

fn read_or_log(id: Uuid, event: Value) -> Option<PlatformEvent> {
    read(id, event)
        .inspect_err(|error| tracing::error!(event.id = %id, %error, "a deferred event cannot be read"))
        .ok()
}

fn read(id: Uuid, event: Value) -> Result<PlatformEvent, StorageError> {
    let row = Row {
        table: "events",
        id: &id,
    };
    row.read("event", serde_json::from_value(event))
}

#[cfg(test)]
mod tests;
