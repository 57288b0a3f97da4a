//! Reads the ledger.

use chrono::{DateTime, Utc};
use domain::{DeliveryId, EndpointId, FeedEventId, endpoint::DeliveryState};
use sqlx::PgConnection;

use crate::StorageError;

/// A delivery as the ledger shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    pub id: DeliveryId,
    pub endpoint_id: EndpointId,
    pub event_id: FeedEventId,
    pub event_type: String,
    pub state: DeliveryState,
    /// Since it was created or replayed.
    pub attempts: i32,
    /// When the next attempt is due, while it waits.
    pub due_at: DateTime<Utc>,
    pub attempted_at: Option<DateTime<Utc>>,
    pub duration_ms: Option<i64>,
    pub status: Option<i32>,
    pub response: Option<String>,
    pub error: Option<String>,
    pub created_at: DateTime<Utc>,
    pub finished_at: Option<DateTime<Utc>>,
}

/// Which deliveries are listed. A field that is empty allows all.
#[derive(Clone, Copy, Debug, Default)]
pub struct DeliveryFilter {
    pub endpoint_id: Option<EndpointId>,
    pub state: Option<DeliveryState>,
}

/// Finds a delivery.
pub async fn find(conn: &mut PgConnection, id: DeliveryId) -> Result<Option<Delivery>, StorageError> {
    let row = sqlx::query_as!(
        Delivery,
        r#"SELECT deliveries.id AS "id: DeliveryId", endpoint_id AS "endpoint_id: EndpointId",
                  event_id AS "event_id: FeedEventId", type AS event_type, state AS "state: DeliveryState", attempts,
                  due_at, attempted_at, duration_ms, status, response, error, created_at, finished_at
           FROM deliveries
           JOIN feed ON feed.id = event_id
           WHERE deliveries.id = $1"#,
        id.0,
    )
    .fetch_optional(conn)
    .await?;
    Ok(row)
}

/// Lists deliveries, newest first, older than `after`.
pub async fn list(
    conn: &mut PgConnection,
    filter: DeliveryFilter,
    after: Option<DeliveryId>,
    limit: i64,
) -> Result<Vec<Delivery>, StorageError> {
    let rows = sqlx::query_as!(
        Delivery,
        r#"SELECT deliveries.id AS "id: DeliveryId", endpoint_id AS "endpoint_id: EndpointId",
                  event_id AS "event_id: FeedEventId", type AS event_type, state AS "state: DeliveryState", attempts,
                  due_at, attempted_at, duration_ms, status, response, error, created_at, finished_at
           FROM deliveries
           JOIN feed ON feed.id = event_id
           WHERE ($1::uuid IS NULL OR endpoint_id = $1) AND ($2::text IS NULL OR state = $2)
             AND ($3::uuid IS NULL OR deliveries.id < $3)
           ORDER BY deliveries.id DESC
           LIMIT $4"#,
        filter.endpoint_id.map(|id| id.0),
        filter.state.map(DeliveryState::as_str),
        after.map(|id| id.0),
        limit,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows)
}
