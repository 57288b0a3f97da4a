//! Lists dead jobs and deletes old ones.

use chrono::{DateTime, Utc};
use domain::{JobId, job::Queue};
use serde_json::Value;
use sqlx::PgConnection;

use crate::StorageError;

/// Done jobs that one call deletes at most, so that it ends within the limit of a statement's time, also after months.
const PRUNED_AT_ONCE: i64 = 1_000;

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

/// A job that waits for a worker that can read it.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct UnreadJob {
    pub id: JobId,
    pub queue: String,
    pub payload: Value,
    pub created_at: DateTime<Utc>,
}

/// Lists jobs that newer programs wrote, oldest first: those of unknown queues, and those that a worker could not read.
pub async fn list_unread(conn: &mut PgConnection, limit: i64) -> Result<Vec<UnreadJob>, StorageError> {
    let known: Vec<String> = Queue::ALL.map(|queue| queue.as_str().to_owned()).to_vec();
    let unread = sqlx::query_as!(
        UnreadJob,
        r#"SELECT id AS "id: JobId", queue, payload, created_at
           FROM jobs
           WHERE state IN ('ready', 'running') AND (unread_since IS NOT NULL OR queue <> ALL($1))
           ORDER BY created_at, id
           LIMIT $2"#,
        &known,
        limit,
    )
    .fetch_all(conn)
    .await?;
    Ok(unread)
}

/// Deletes jobs that were done before `before`, some at a time, and returns how many. Dead jobs stay.
pub async fn prune(conn: &mut PgConnection, before: DateTime<Utc>) -> Result<u64, StorageError> {
    let pruned = sqlx::query!(
        "DELETE FROM jobs
         WHERE id IN (SELECT id
                      FROM jobs
                      WHERE state = 'done' AND finished_at < $1
                      ORDER BY finished_at
                      LIMIT $2
                      FOR UPDATE SKIP LOCKED)",
        before,
        PRUNED_AT_ONCE,
    )
    .execute(conn)
    .await?;
    Ok(pruned.rows_affected())
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use sqlx::PgPool;

    use super::*;
    use crate::support;

    #[sqlx::test]
    async fn old_jobs_that_are_done_are_deleted_and_dead_ones_stay(pool: PgPool) {
        let mut conn = pool.acquire().await.unwrap();
        for (state, age) in [("done", 9), ("done", 1), ("dead", 9)] {
            let insert = "INSERT INTO jobs (id, queue, payload, max_attempts, state, finished_at)
                          VALUES (gen_random_uuid(), 'check_room', '{}', 1, $1, $2)";
            let finished_at = support::now() - TimeDelta::days(age);
            let inserted = sqlx::query(insert).bind(state).bind(finished_at);
            inserted.execute(&pool).await.unwrap();
        }

        let pruned = prune(&mut conn, support::now() - TimeDelta::days(7)).await.unwrap();

        assert_eq!((pruned, list_dead(&mut conn, 10).await.unwrap().len()), (1, 1));
        assert_eq!(list_unread(&mut conn, 10).await.unwrap(), []);
    }
}
