//! Gives positions to committed events, and deletes old ones.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::listen::CHANNEL;
use crate::{StorageError, deliveries, pool};

/// Events that one transaction publishes at most, so that it stays far below the time limit of a statement.
const BATCH: i64 = 200;

/// Events that one transaction deletes at most; each may have a delivery for every endpoint, which goes with it.
const PRUNE_BATCH: i64 = 200;

/// Publishes all committed events, adds their deliveries, and notifies the listeners. Returns how many were published; 0 also if another process
/// is publishing.
pub async fn publish(pool: &PgPool) -> Result<usize, StorageError> {
    let mut published = 0;
    loop {
        let batch = publish_batch(pool).await?;
        published += batch;
        if batch < BATCH as usize {
            return Ok(published);
        }
    }
}

async fn publish_batch(pool: &PgPool) -> Result<usize, StorageError> {
    let mut conn = pool::acquire(pool).await?;
    if !has_new(&mut conn).await? {
        return Ok(0);
    }
    drop(conn);
    let mut tx = pool::begin(pool).await?;
    let Some(last) = lock_last_position(&mut tx).await? else {
        return Ok(0);
    };
    let published = set_positions(&mut tx, last).await?;
    deliveries::fan_out(&mut tx, &published).await?;
    save_last_position(&mut tx, last + published.len() as i64).await?;
    pool::commit(tx).await?;
    Ok(published.len())
}

/// The usual answer is no, and then no lock is taken.
async fn has_new(conn: &mut PgConnection) -> Result<bool, StorageError> {
    let new = sqlx::query_scalar!(r#"SELECT EXISTS (SELECT 1 FROM feed WHERE position IS NULL) AS "new!""#)
        .fetch_one(conn)
        .await?;
    Ok(new)
}

/// Returns the last position, locked until the transaction ends; `None` if another process holds the lock.
async fn lock_last_position(conn: &mut PgConnection) -> Result<Option<i64>, StorageError> {
    let last = sqlx::query_scalar!("SELECT last_position FROM feed_head FOR UPDATE SKIP LOCKED")
        .fetch_optional(conn)
        .await?;
    Ok(last)
}

async fn set_positions(conn: &mut PgConnection, last: i64) -> Result<Vec<Uuid>, StorageError> {
    let published = sqlx::query_scalar!(
        "UPDATE feed
         SET position = $1 + batch.n
         FROM (SELECT id, row_number() OVER (ORDER BY seq) AS n
               FROM (SELECT id, seq FROM feed WHERE position IS NULL ORDER BY seq LIMIT $2) AS new) AS batch
         WHERE feed.id = batch.id
         RETURNING feed.id",
        last,
        BATCH,
    )
    .fetch_all(conn)
    .await?;
    Ok(published)
}

async fn save_last_position(conn: &mut PgConnection, last: i64) -> Result<(), StorageError> {
    sqlx::query!("UPDATE feed_head SET last_position = $1", last)
        .execute(&mut *conn)
        .await?;
    sqlx::query!("SELECT pg_notify($1, '')", CHANNEL).execute(conn).await?;
    Ok(())
}

/// Deletes published events that happened before `before`, with their deliveries. Returns how many events.
pub async fn prune(pool: &PgPool, before: DateTime<Utc>) -> Result<u64, StorageError> {
    let mut pruned = 0;
    loop {
        let batch = prune_batch(pool, before).await?;
        pruned += batch;
        if batch < PRUNE_BATCH as u64 {
            return Ok(pruned);
        }
    }
}

async fn prune_batch(pool: &PgPool, before: DateTime<Utc>) -> Result<u64, StorageError> {
    let mut tx = pool::begin(pool).await?;
    let Some(_locked) = lock_last_position(&mut tx).await? else {
        return Ok(0);
    };
    let until = sqlx::query_scalar!(
        "SELECT max(position)
         FROM (SELECT position, occurred_at FROM feed WHERE position IS NOT NULL ORDER BY position LIMIT $2) AS oldest
         WHERE occurred_at < $1",
        before,
        PRUNE_BATCH,
    )
    .fetch_one(&mut *tx)
    .await?;
    let Some(until) = until else { return Ok(0) };
    let deleted = sqlx::query!("DELETE FROM feed WHERE position <= $1", until)
        .execute(&mut *tx)
        .await?;
    sqlx::query!("UPDATE feed_head SET deleted_position = $1", until)
        .execute(&mut *tx)
        .await?;
    pool::commit(tx).await?;
    Ok(deleted.rows_affected())
}
