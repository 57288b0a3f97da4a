//! Adds events to the feed.

use domain::feed::NewFeedEvent;
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::StorageError;

/// Adds events in the caller's transaction, with one statement. They become visible in their order.
pub(crate) async fn insert(conn: &mut PgConnection, events: &[NewFeedEvent]) -> Result<(), StorageError> {
    if events.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = events.iter().map(|event| event.id.0).collect();
    let types: Vec<String> = events.iter().map(|event| event.kind.name()).collect();
    let rooms: Vec<Option<String>> = events.iter().map(|event| event.room.clone()).collect();
    let meetings: Vec<Option<Uuid>> = events.iter().map(|event| event.meeting_id.map(|id| id.0)).collect();
    let recordings: Vec<Option<Uuid>> = events.iter().map(|event| event.recording_id.map(|id| id.0)).collect();
    let data: Vec<Value> = events.iter().map(|event| event.data.clone()).collect();
    sqlx::query!(
        "INSERT INTO feed (id, type, room, meeting_id, recording_id, data)
         SELECT new.id, new.type, new.room, new.meeting_id, new.recording_id, new.data
         FROM unnest($1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::uuid[], $6::jsonb[]) WITH ORDINALITY
             AS new (id, type, room, meeting_id, recording_id, data, n)
         ORDER BY new.n",
        &ids,
        &types,
        &rooms as _,
        &meetings as _,
        &recordings as _,
        &data,
    )
    .execute(conn)
    .await?;
    Ok(())
}
