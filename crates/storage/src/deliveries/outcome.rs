//! Stores how an attempt ended.

use std::time::Duration;

use sqlx::{PgConnection, PgPool};

use super::DeliveryLease;
use crate::{
    StorageError,
    endpoints::{BATCH, WAS_DISABLED},
    pool,
};

/// What the ledger shows of an attempt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AttemptRecord {
    pub duration: Duration,
    /// The HTTP status, if the endpoint answered.
    pub status: Option<u16>,
    /// The beginning of the answer's body.
    pub response: Option<String>,
    /// Why there was no confirmation.
    pub error: Option<String>,
}

/// Marks a delivery as confirmed, in the caller's transaction. Returns `false` if the lease is lost.
pub async fn deliver(
    conn: &mut PgConnection,
    lease: DeliveryLease,
    record: &AttemptRecord,
) -> Result<bool, StorageError> {
    let held = finish(conn, lease, "delivered", record).await?;
    if held {
        sqlx::query!(
            "UPDATE endpoints SET failing_since = NULL WHERE id = $1 AND failing_since IS NOT NULL",
            lease.endpoint.0
        )
        .execute(conn)
        .await?;
    }
    Ok(held)
}

/// Schedules another attempt, in the caller's transaction. Returns `false` if the lease is lost.
pub async fn retry(
    conn: &mut PgConnection,
    lease: DeliveryLease,
    record: &AttemptRecord,
    after: Duration,
) -> Result<bool, StorageError> {
    let held = sqlx::query!(
        "UPDATE deliveries
         SET due_at = now() + make_interval(secs => $3), lease_until = NULL, duration_ms = $4, status = $5,
             response = $6, error = $7
         WHERE id = $1 AND token = $2 AND state = 'waiting'",
        lease.delivery.0,
        lease.token(),
        after.as_secs_f64(),
        millis(record),
        record.status.map(i32::from),
        record.response,
        record.error,
    )
    .execute(&mut *conn)
    .await?;
    let held = held.rows_affected() == 1;
    if held {
        note_failure(conn, lease).await?;
    }
    Ok(held)
}

/// Marks a delivery as failed for good, in the caller's transaction. Returns `false` if the lease is lost.
pub async fn fail(conn: &mut PgConnection, lease: DeliveryLease, record: &AttemptRecord) -> Result<bool, StorageError> {
    let held = finish(conn, lease, "failed", record).await?;
    if held {
        note_failure(conn, lease).await?;
    }
    Ok(held)
}

/// Marks what waits for disabled endpoints as failed, tests excepted, in steps. Returns how many.
pub async fn fail_disabled(pool: &PgPool) -> Result<u64, StorageError> {
    let mut total = 0;
    loop {
        let failed = sqlx::query!(
            "UPDATE deliveries
             SET state = 'failed', error = $1, lease_until = NULL, token = NULL, finished_at = now()
             WHERE id IN (SELECT deliveries.id
                          FROM endpoints
                          JOIN deliveries ON endpoint_id = endpoints.id
                          JOIN feed ON feed.id = event_id
                          WHERE disabled_reason IS NOT NULL AND state = 'waiting' AND type <> 'endpoint.test'
                          LIMIT $2)",
            WAS_DISABLED,
            BATCH,
        )
        .execute(&mut *pool::acquire(pool).await?)
        .await?;
        total += failed.rows_affected();
        if failed.rows_affected() == 0 {
            return Ok(total);
        }
    }
}

async fn finish(
    conn: &mut PgConnection,
    lease: DeliveryLease,
    state: &str,
    record: &AttemptRecord,
) -> Result<bool, StorageError> {
    let held = sqlx::query!(
        "UPDATE deliveries
         SET state = $3, lease_until = NULL, finished_at = now(), duration_ms = $4, status = $5, response = $6,
             error = $7
         WHERE id = $1 AND token = $2 AND state = 'waiting'",
        lease.delivery.0,
        lease.token(),
        state,
        millis(record),
        record.status.map(i32::from),
        record.response,
        record.error,
    )
    .execute(conn)
    .await?;
    Ok(held.rows_affected() == 1)
}

async fn note_failure(conn: &mut PgConnection, lease: DeliveryLease) -> Result<(), StorageError> {
    sqlx::query!(
        "UPDATE endpoints SET failing_since = now() WHERE id = $1 AND failing_since IS NULL",
        lease.endpoint.0
    )
    .execute(conn)
    .await?;
    Ok(())
}

fn millis(record: &AttemptRecord) -> i64 {
    i64::try_from(record.duration.as_millis()).unwrap_or(i64::MAX)
}
