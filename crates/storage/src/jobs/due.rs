//! Due and overdue jobs, for the relay.

use std::time::Duration;

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

/// A job whose last attempt ended without an outcome.
#[derive(Clone, Debug, PartialEq)]
pub struct Overdue {
    pub id: JobId,
    pub payload: Value,
}

/// Locks one job whose last attempt ended without an outcome, until the transaction ends; `None` if there is none.
pub async fn lock_overdue(conn: &mut PgConnection) -> Result<Option<Overdue>, StorageError> {
    let overdue = sqlx::query_as!(
        Overdue,
        r#"SELECT id AS "id: JobId", payload
           FROM jobs
           WHERE state = 'running' AND lease_until < now() AND attempt >= max_attempts
           ORDER BY lease_until
           LIMIT 1
           FOR UPDATE SKIP LOCKED"#,
    )
    .fetch_optional(conn)
    .await?;
    Ok(overdue)
}

/// Marks a job dead that the caller has locked by [`lock_overdue`].
pub async fn mark_overdue_dead(conn: &mut PgConnection, id: JobId, error: &str) -> Result<(), StorageError> {
    sqlx::query!(
        "UPDATE jobs
         SET state = 'dead', lease_until = NULL, error = coalesce(error || '; ', '') || $2, finished_at = now()
         WHERE id = $1",
        id.0,
        error,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Leaves an overdue job alone for a while: this program cannot save what follows from its death.
pub async fn leave_overdue(conn: &mut PgConnection, id: JobId, pause: Duration) -> Result<(), StorageError> {
    sqlx::query!(
        "UPDATE jobs
         SET lease_until = now() + make_interval(secs => $2)
         WHERE id = $1 AND state = 'running' AND attempt >= max_attempts AND lease_until < now()",
        id.0,
        pause.as_secs_f64(),
    )
    .execute(conn)
    .await?;
    Ok(())
}
