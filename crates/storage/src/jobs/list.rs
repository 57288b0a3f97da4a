//! Looking at jobs, and forgetting them.

use chrono::{DateTime, Utc};
use domain::JobId;
use serde_json::Value;
use sqlx::PgConnection;

use crate::StorageError;

/// A job that was given up.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct DeadJob {
    pub id: JobId,
    pub queue: String,
    pub payload: Value,
    pub attempt: i32,
    pub error: Option<String>,
    pub finished_at: Option<DateTime<Utc>>,
}

/// Dead jobs, the last to die first.
pub async fn list_dead(conn: &mut PgConnection, limit: i64) -> Result<Vec<DeadJob>, StorageError> {
    let dead = sqlx::query_as!(
        DeadJob,
        r#"SELECT id AS "id: JobId", queue, payload, attempt, error, finished_at
           FROM jobs
           WHERE state = 'dead'
           ORDER BY finished_at DESC, id DESC
           LIMIT $1"#,
        limit,
    )
    .fetch_all(conn)
    .await?;
    Ok(dead)
}

/// Forgets jobs that were done before `before`; how many. Dead ones stay.
pub async fn prune(conn: &mut PgConnection, before: DateTime<Utc>) -> Result<u64, StorageError> {
    let pruned = sqlx::query!("DELETE FROM jobs WHERE state = 'done' AND finished_at < $1", before)
        .execute(conn)
        .await?;
    Ok(pruned.rows_affected())
}
