//! Lists dead jobs and deletes old ones.

use chrono::{DateTime, Utc};
use domain::JobId;
use serde_json::Value;
use sqlx::PgConnection;

use crate::StorageError;

/// A dead job.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct DeadJob {
    pub id: JobId,
    pub queue: String,
    pub payload: Value,
    pub attempt: i32,
    pub error: Option<String>,
    pub finished_at: Option<DateTime<Utc>>,
}

/// Lists dead jobs, the latest first.
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

/// Deletes jobs that were done before `before`, and returns how many. Dead jobs stay.
pub async fn prune(conn: &mut PgConnection, before: DateTime<Utc>) -> Result<u64, StorageError> {
    let pruned = sqlx::query!("DELETE FROM jobs WHERE state = 'done' AND finished_at < $1", before)
        .execute(conn)
        .await?;
    Ok(pruned.rows_affected())
}
