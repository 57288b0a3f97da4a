//! Adds the deliveries of published events.

use sqlx::PgConnection;
use uuid::Uuid;

use crate::StorageError;

/// Adds a delivery of each event for every enabled endpoint that wants it.
pub(crate) async fn fan_out(conn: &mut PgConnection, events: &[Uuid]) -> Result<(), StorageError> {
    // The lock keeps an endpoint from being deleted between the two statements.
    let wanted = sqlx::query!(
        "SELECT feed.id AS event_id, endpoints.id AS endpoint_id
         FROM feed
         JOIN endpoints ON disabled_reason IS NULL AND (cardinality(event_types) = 0 OR type = ANY (event_types))
              AND (endpoints.room IS NULL OR endpoints.room = feed.room)
         WHERE feed.id = ANY ($1) AND type <> 'endpoint.test'
         ORDER BY position
         FOR KEY SHARE OF endpoints",
        events,
    )
    .fetch_all(&mut *conn)
    .await?;
    if wanted.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = wanted.iter().map(|_| Uuid::now_v7()).collect();
    let endpoint_ids: Vec<Uuid> = wanted.iter().map(|row| row.endpoint_id).collect();
    let event_ids: Vec<Uuid> = wanted.iter().map(|row| row.event_id).collect();
    sqlx::query!(
        "INSERT INTO deliveries (id, endpoint_id, event_id)
         SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[])",
        &ids,
        &endpoint_ids,
        &event_ids,
    )
    .execute(conn)
    .await?;
    Ok(())
}
