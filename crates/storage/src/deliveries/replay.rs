//! Sends again, and sends tests.

use chrono::{DateTime, Utc};
use domain::{DeliveryId, EndpointId, feed::NewFeedEvent};
use sqlx::PgConnection;

use crate::{StorageError, feed};

/// Deliveries that one call replays at most.
const MAX_REPLAYED: i64 = 1_000;

/// Makes a finished delivery due at once, as if it were new; it keeps its id and its event. Returns whether it was finished
/// and its endpoint is enabled.
pub async fn replay(conn: &mut PgConnection, id: DeliveryId) -> Result<bool, StorageError> {
    let replayed = sqlx::query!(
        "UPDATE deliveries
         SET state = 'waiting', attempts = 0, due_at = now(), started_at = now(), finished_at = NULL
         FROM endpoints
         WHERE deliveries.id = $1 AND state <> 'waiting' AND endpoints.id = endpoint_id AND disabled_reason IS NULL",
        id.0
    )
    .execute(conn)
    .await?;
    Ok(replayed.rows_affected() == 1)
}

/// Makes failed deliveries of an endpoint due at once that were created at or after `since`, oldest first. Returns how many,
/// at most 1,000.
pub async fn replay_failed(
    conn: &mut PgConnection,
    endpoint: EndpointId,
    since: DateTime<Utc>,
) -> Result<u64, StorageError> {
    let replayed = sqlx::query!(
        "UPDATE deliveries
         SET state = 'waiting', attempts = 0, due_at = now(), started_at = now(), finished_at = NULL
         WHERE id IN (SELECT id
                      FROM deliveries
                      WHERE endpoint_id = $1 AND state = 'failed' AND created_at >= $2
                      ORDER BY id
                      LIMIT $3)",
        endpoint.0,
        since,
        MAX_REPLAYED,
    )
    .execute(conn)
    .await?;
    Ok(replayed.rows_affected())
}

/// Adds an event and its delivery to one endpoint only, in the caller's transaction. It is sent once it is published.
pub async fn insert_test(
    conn: &mut PgConnection,
    id: DeliveryId,
    endpoint: EndpointId,
    event: &NewFeedEvent,
) -> Result<(), StorageError> {
    feed::insert(conn, std::slice::from_ref(event)).await?;
    sqlx::query!(
        "INSERT INTO deliveries (id, endpoint_id, event_id) VALUES ($1, $2, $3)",
        id.0,
        endpoint.0,
        event.id.0,
    )
    .execute(conn)
    .await?;
    Ok(())
}
