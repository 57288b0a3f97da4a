//! Writes endpoints.

use domain::{
    EndpointId,
    endpoint::{DisabledReason, Endpoint, EndpointSecret},
};
use sqlx::PgConnection;

use super::{BATCH, secrets::add_secret};
use crate::StorageError;

/// Inserts an endpoint and its first key in the caller's transaction, unless there are `max` endpoints. Returns whether it
/// was inserted. Simultaneous callers wait for each other.
pub async fn insert(
    conn: &mut PgConnection,
    endpoint: &Endpoint,
    secret: &EndpointSecret,
    max: i64,
) -> Result<bool, StorageError> {
    sqlx::query!("SELECT pg_advisory_xact_lock(hashtextextended('endpoints', 0))")
        .execute(&mut *conn)
        .await?;
    let inserted = sqlx::query!(
        "INSERT INTO endpoints (id, url, description, event_types, room, disabled_reason, created_at, updated_at)
         SELECT $1, $2, $3, $4, $5, $6, $7, $8
         WHERE (SELECT count(*) FROM endpoints) < $9",
        endpoint.id.0,
        endpoint.url,
        endpoint.description,
        &endpoint.event_types,
        endpoint.room,
        endpoint.disabled.map(DisabledReason::as_str),
        endpoint.created_at,
        endpoint.updated_at,
        max,
    )
    .execute(&mut *conn)
    .await?;
    if inserted.rows_affected() == 0 {
        return Ok(false);
    }
    add_secret(conn, endpoint.id, secret).await?;
    Ok(true)
}

/// Saves an endpoint's settings. One that is enabled again starts without failures.
pub async fn save(conn: &mut PgConnection, endpoint: &Endpoint) -> Result<(), StorageError> {
    sqlx::query!(
        "UPDATE endpoints
         SET url = $2, description = $3, event_types = $4, room = $5, disabled_reason = $6, failing_since = $7,
             updated_at = $8
         WHERE id = $1",
        endpoint.id.0,
        endpoint.url,
        endpoint.description,
        &endpoint.event_types,
        endpoint.room,
        endpoint.disabled.map(DisabledReason::as_str),
        endpoint.failing_since,
        endpoint.updated_at,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Deletes an endpoint, its keys and its deliveries. Returns whether it existed. Not for a transaction: deliveries are deleted
/// in steps, because there may be very many.
pub async fn delete(conn: &mut PgConnection, id: EndpointId) -> Result<bool, StorageError> {
    loop {
        let deleted = sqlx::query!(
            "DELETE FROM deliveries WHERE id IN (SELECT id FROM deliveries WHERE endpoint_id = $1 LIMIT $2)",
            id.0,
            BATCH,
        )
        .execute(&mut *conn)
        .await?;
        if deleted.rows_affected() == 0 {
            break;
        }
    }
    let deleted = sqlx::query!("DELETE FROM endpoints WHERE id = $1", id.0)
        .execute(conn)
        .await?;
    Ok(deleted.rows_affected() == 1)
}
