//! Due and overdue jobs, for the relay.

use domain::JobId;
use serde_json::Value;
use sqlx::PgConnection;

use crate::StorageError;

/// Seconds without a claim after which a wake-up is considered lost and sent again.
const WAKE_AGAIN_S: f64 = 30.0;

/// Lists the queues that have jobs to wake.
pub async fn due_queues(conn: &mut PgConnection) -> Result<Vec<String>, StorageError> {
    let queues = sqlx::query_scalar!(
        "SELECT DISTINCT queue
         FROM jobs
         WHERE state IN ('ready', 'running') AND run_at <= now() AND attempt < max_attempts
           AND coalesce(lease_until, '-infinity') < now()
           AND coalesce(woken_at, '-infinity') < now() - make_interval(secs => $1)",
        WAKE_AGAIN_S,
    )
    .fetch_all(conn)
    .await?;
    Ok(queues)
}

/// Marks jobs of a queue as woken, oldest first, and returns them: new ones, retries, and those whose worker or wake-up was
/// lost. They are not returned again for a while, so the caller must wake them.
pub async fn take_due(conn: &mut PgConnection, queue: &str, limit: i64) -> Result<Vec<JobId>, StorageError> {
    let ids = sqlx::query_scalar!(
        "UPDATE jobs
         SET woken_at = now()
         WHERE id IN (SELECT id
                      FROM jobs
                      WHERE queue = $1 AND state IN ('ready', 'running') AND run_at <= now()
                        AND attempt < max_attempts AND coalesce(lease_until, '-infinity') < now()
                        AND coalesce(woken_at, '-infinity') < now() - make_interval(secs => $3)
                      ORDER BY run_at, id
                      LIMIT $2
                      FOR UPDATE SKIP LOCKED)
         RETURNING id",
        queue,
        limit,
        WAKE_AGAIN_S,
    )
    .fetch_all(conn)
    .await?;
    Ok(ids.into_iter().map(JobId).collect())
}

/// Marks one job dead whose last attempt ended without an outcome. Returns its payload, so that the caller can save what
/// follows in the same transaction; `None` if there is no such job.
pub async fn mark_overdue_dead(conn: &mut PgConnection, error: &str) -> Result<Option<Value>, StorageError> {
    let payload = sqlx::query_scalar!(
        "UPDATE jobs
         SET state = 'dead', lease_until = NULL, error = coalesce(error || '; ', '') || $1, finished_at = now()
         WHERE id = (SELECT id
                     FROM jobs
                     WHERE state = 'running' AND lease_until < now() AND attempt >= max_attempts
                     LIMIT 1
                     FOR UPDATE SKIP LOCKED)
         RETURNING payload",
        error,
    )
    .fetch_optional(conn)
    .await?;
    Ok(payload)
}
