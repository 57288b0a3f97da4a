//! Reads endpoints.

use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::{
    EndpointId,
    endpoint::{DisabledReason, Endpoint},
};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::StorageError;

/// Finds an endpoint.
pub async fn find(conn: &mut PgConnection, id: EndpointId) -> Result<Option<Endpoint>, StorageError> {
    let row = sqlx::query_as!(
        EndpointRow,
        "SELECT id, url, description, event_types, room, disabled_reason, failing_since, created_at, updated_at
         FROM endpoints
         WHERE id = $1",
        id.0,
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(Endpoint::from))
}

/// Like [`find`], and locks the endpoint until the transaction ends.
pub async fn lock(conn: &mut PgConnection, id: EndpointId) -> Result<Option<Endpoint>, StorageError> {
    let row = sqlx::query_as!(
        EndpointRow,
        "SELECT id, url, description, event_types, room, disabled_reason, failing_since, created_at, updated_at
         FROM endpoints
         WHERE id = $1
         FOR NO KEY UPDATE",
        id.0,
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(Endpoint::from))
}

/// Returns for how long no delivery to an endpoint has succeeded, by the database's clock; `None` if the latest one did.
pub async fn failing_for(conn: &mut PgConnection, id: EndpointId) -> Result<Option<Duration>, StorageError> {
    let seconds = sqlx::query_scalar!(
        r#"SELECT greatest(extract(epoch FROM now() - failing_since), 0)::float8 AS "seconds!"
           FROM endpoints
           WHERE id = $1 AND failing_since IS NOT NULL"#,
        id.0,
    )
    .fetch_optional(conn)
    .await?;
    Ok(seconds.map(Duration::from_secs_f64))
}

/// Lists endpoints in the order of their creation, after `after`.
pub async fn list(
    conn: &mut PgConnection,
    after: Option<EndpointId>,
    limit: i64,
) -> Result<Vec<Endpoint>, StorageError> {
    let rows = sqlx::query_as!(
        EndpointRow,
        "SELECT id, url, description, event_types, room, disabled_reason, failing_since, created_at, updated_at
         FROM endpoints
         WHERE $1::uuid IS NULL OR id > $1
         ORDER BY id
         LIMIT $2",
        after.map(|id| id.0),
        limit,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(Endpoint::from).collect())
}

struct EndpointRow {
    id: Uuid,
    url: String,
    description: String,
    event_types: Vec<String>,
    room: Option<String>,
    disabled_reason: Option<String>,
    failing_since: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl From<EndpointRow> for Endpoint {
    fn from(row: EndpointRow) -> Self {
        let reason = |word: String| word.parse().unwrap_or(DisabledReason::Other);
        Self {
            id: EndpointId(row.id),
            url: row.url,
            description: row.description,
            event_types: row.event_types,
            room: row.room,
            disabled: row.disabled_reason.map(reason),
            failing_since: row.failing_since,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}
