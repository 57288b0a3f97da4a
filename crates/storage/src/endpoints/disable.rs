//! Disables an endpoint.

use domain::{EndpointId, FeedEventId, endpoint::DisabledReason};
use sqlx::PgConnection;
use uuid::Uuid;

use super::lock;
use crate::{StorageError, feed};

/// The error of deliveries that were waiting when their endpoint was disabled.
pub(crate) const WAS_DISABLED: &str = "the endpoint was disabled";

/// Deliveries that one statement changes at most, so that it stays far below its time limit however many wait.
pub(crate) const BATCH: i64 = 2_000;

/// Disables an endpoint in the caller's transaction: nothing more is sent, and what waits for it fails and can be replayed;
/// [`fail_disabled`](crate::deliveries::fail_disabled) goes on if much waits. Unless somebody asked for it, the feed tells it.
/// Does nothing if the endpoint is disabled already, or was deleted.
pub async fn disable(conn: &mut PgConnection, id: EndpointId, reason: DisabledReason) -> Result<(), StorageError> {
    let Some(endpoint) = lock(conn, id).await?.filter(|endpoint| endpoint.disabled.is_none()) else {
        return Ok(());
    };
    sqlx::query!(
        "UPDATE endpoints SET disabled_reason = $2, updated_at = now() WHERE id = $1",
        id.0,
        reason.as_str(),
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "UPDATE deliveries
         SET state = 'failed', error = $2, lease_until = NULL, token = NULL, finished_at = now()
         WHERE id IN (SELECT id FROM deliveries WHERE endpoint_id = $1 AND state = 'waiting' LIMIT $3)",
        id.0,
        WAS_DISABLED,
        BATCH,
    )
    .execute(&mut *conn)
    .await?;
    if reason == DisabledReason::Requested {
        return Ok(());
    }
    let event = endpoint.disabled_event(FeedEventId(Uuid::now_v7()), reason);
    feed::insert(conn, &[event]).await
}
