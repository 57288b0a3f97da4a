//! Claims jobs and stores how they end.

use std::time::Duration;

use domain::JobId;
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::StorageError;

/// The right to write for a job until another worker claims it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    pub job: JobId,
    pub token: Uuid,
}

/// A claimed job.
#[derive(Clone, Debug, PartialEq)]
pub struct Claimed {
    pub lease: Lease,
    /// A [`domain::job::Job`], unless an older or newer version wrote it.
    pub payload: Value,
    /// The number of this attempt, from 1.
    pub attempt: i32,
    pub max_attempts: i32,
}

/// Claims a due job. Counts the attempt at the start, so that an attempt that kills its process is counted too. Returns
/// `None` if the job is done, not due, or claimed by another worker.
pub async fn claim(conn: &mut PgConnection, job: JobId, lease_for: Duration) -> Result<Option<Claimed>, StorageError> {
    let token = Uuid::new_v4();
    let row = sqlx::query!(
        "UPDATE jobs
         SET state = 'running', attempt = attempt + 1, token = $2, woken_at = NULL,
             lease_until = now() + make_interval(secs => $3)
         WHERE id = $1 AND state IN ('ready', 'running') AND run_at <= now() AND attempt < max_attempts
           AND coalesce(lease_until, '-infinity') < now()
         RETURNING payload, attempt, max_attempts",
        job.0,
        token,
        lease_for.as_secs_f64(),
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| Claimed {
        lease: Lease { job, token },
        payload: row.payload,
        attempt: row.attempt,
        max_attempts: row.max_attempts,
    }))
}

/// Renews a lease. Returns `false` if it is lost.
pub async fn renew(conn: &mut PgConnection, lease: Lease, lease_for: Duration) -> Result<bool, StorageError> {
    let renewed = sqlx::query!(
        "UPDATE jobs
         SET lease_until = now() + make_interval(secs => $3)
         WHERE id = $1 AND token = $2 AND state = 'running'",
        lease.job.0,
        lease.token,
        lease_for.as_secs_f64(),
    )
    .execute(conn)
    .await?;
    Ok(renewed.rows_affected() == 1)
}

/// Locks the job's row, so that no other worker can claim it until the transaction ends. Returns `false` if the lease is
/// lost.
pub async fn fence(conn: &mut PgConnection, lease: Lease) -> Result<bool, StorageError> {
    let held = sqlx::query_scalar!(
        "SELECT id
         FROM jobs
         WHERE id = $1 AND token = $2 AND state = 'running'
         FOR UPDATE",
        lease.job.0,
        lease.token,
    )
    .fetch_optional(conn)
    .await?;
    Ok(held.is_some())
}

/// Marks a job done. Returns `false` if the lease is lost.
pub async fn finish(conn: &mut PgConnection, lease: Lease) -> Result<bool, StorageError> {
    let ended = sqlx::query!(
        "UPDATE jobs
         SET state = 'done', lease_until = NULL, error = NULL, finished_at = now()
         WHERE id = $1 AND token = $2 AND state = 'running'",
        lease.job.0,
        lease.token,
    )
    .execute(conn)
    .await?;
    Ok(ended.rows_affected() == 1)
}

/// Schedules a retry; the attempts so far count. If the same job was queued meanwhile, that row replaces this one, which
/// becomes done. Returns `false` if the lease is lost.
pub async fn retry(conn: &mut PgConnection, lease: Lease, after: Duration, error: &str) -> Result<bool, StorageError> {
    let ended = sqlx::query!(
        "UPDATE jobs
         SET state = CASE WHEN waiting.duplicate THEN 'done' ELSE 'ready' END, lease_until = NULL, woken_at = NULL,
             run_at = now() + make_interval(secs => $3), error = $4,
             finished_at = CASE WHEN waiting.duplicate THEN now() END
         FROM (SELECT EXISTS (SELECT 1
                              FROM jobs AS duplicate
                              JOIN jobs AS job ON job.queue = duplicate.queue AND job.payload = duplicate.payload
                              WHERE job.id = $1 AND duplicate.state = 'ready') AS duplicate) AS waiting
         WHERE id = $1 AND token = $2 AND state = 'running'",
        lease.job.0,
        lease.token,
        after.as_secs_f64(),
        error,
    )
    .execute(conn)
    .await?;
    Ok(ended.rows_affected() == 1)
}

/// Returns a job to the queue without counting the attempt, because this process is about to end. Another worker may
/// claim it at once. Returns `false` if the lease is lost.
pub async fn release(conn: &mut PgConnection, lease: Lease) -> Result<bool, StorageError> {
    let ended = sqlx::query!(
        "UPDATE jobs
         SET state = CASE WHEN waiting.duplicate THEN 'done' ELSE 'ready' END, attempt = attempt - 1,
             lease_until = NULL, woken_at = NULL, run_at = now(),
             finished_at = CASE WHEN waiting.duplicate THEN now() END
         FROM (SELECT EXISTS (SELECT 1
                              FROM jobs AS duplicate
                              JOIN jobs AS job ON job.queue = duplicate.queue AND job.payload = duplicate.payload
                              WHERE job.id = $1 AND duplicate.state = 'ready') AS duplicate) AS waiting
         WHERE id = $1 AND token = $2 AND state = 'running'",
        lease.job.0,
        lease.token,
    )
    .execute(conn)
    .await?;
    Ok(ended.rows_affected() == 1)
}

/// Marks a job dead. Returns `false` if the lease is lost. The caller saves what follows in the same transaction.
pub async fn mark_dead(conn: &mut PgConnection, lease: Lease, error: &str) -> Result<bool, StorageError> {
    let ended = sqlx::query!(
        "UPDATE jobs
         SET state = 'dead', lease_until = NULL, error = $3, finished_at = now()
         WHERE id = $1 AND token = $2 AND state = 'running'",
        lease.job.0,
        lease.token,
        error,
    )
    .execute(conn)
    .await?;
    Ok(ended.rows_affected() == 1)
}

#[cfg(test)]
mod tests {
    use domain::{RecordingId, job::Job};
    use sqlx::PgPool;

    use super::*;
    use crate::jobs::{add, due_queues, list_dead, mark_overdue_dead, take_due};

    const LEASE: Duration = Duration::from_secs(20);
    const NO_TIME: Duration = Duration::ZERO;
    const QUEUE: &str = "transcribe_track";

    fn job() -> Job {
        Job::TranscribeTrack {
            recording_id: RecordingId(Uuid::nil()),
        }
    }

    async fn queued(pool: &PgPool) -> JobId {
        let mut conn = pool.acquire().await.unwrap();
        add(&mut conn, &[job()]).await.unwrap();
        take_due(&mut conn, QUEUE, 10).await.unwrap()[0]
    }

    #[sqlx::test]
    async fn only_the_latest_claim_of_a_job_may_write(pool: PgPool) {
        let id = queued(&pool).await;
        let mut conn = pool.acquire().await.unwrap();

        let first = claim(&mut conn, id, NO_TIME).await.unwrap().unwrap();
        let second = claim(&mut conn, id, LEASE).await.unwrap().unwrap();
        let third = claim(&mut conn, id, LEASE).await.unwrap();

        assert_eq!((first.attempt, second.attempt, third), (1, 2, None));
        assert_eq!(serde_json::from_value::<Job>(first.payload).unwrap(), job());
        assert!(!fence(&mut conn, first.lease).await.unwrap() && fence(&mut conn, second.lease).await.unwrap());
        assert!(!renew(&mut conn, first.lease, LEASE).await.unwrap());
        assert!(!finish(&mut conn, first.lease).await.unwrap());
        assert!(!retry(&mut conn, first.lease, NO_TIME, "late").await.unwrap());
        assert!(!mark_dead(&mut conn, first.lease, "late").await.unwrap());
        assert!(renew(&mut conn, second.lease, LEASE).await.unwrap());
        assert!(finish(&mut conn, second.lease).await.unwrap());
        assert_eq!(claim(&mut conn, id, LEASE).await.unwrap(), None);
    }

    #[sqlx::test]
    async fn a_retried_job_waits_for_its_time_and_keeps_its_count(pool: PgPool) {
        let id = queued(&pool).await;
        let mut conn = pool.acquire().await.unwrap();
        let first = claim(&mut conn, id, LEASE).await.unwrap().unwrap();

        retry(&mut conn, first.lease, Duration::from_secs(3600), "busy")
            .await
            .unwrap();
        let early = claim(&mut conn, id, LEASE).await.unwrap();
        let due = due_queues(&mut conn).await.unwrap();
        sqlx::query("UPDATE jobs SET run_at = now()")
            .execute(&pool)
            .await
            .unwrap();
        let second = claim(&mut conn, id, LEASE).await.unwrap().unwrap();

        assert_eq!((early, due), (None, vec![]));
        assert_eq!(second.attempt, 2);
    }

    #[sqlx::test]
    async fn a_released_job_is_due_at_once_and_the_attempt_does_not_count(pool: PgPool) {
        let id = queued(&pool).await;
        let mut conn = pool.acquire().await.unwrap();
        let first = claim(&mut conn, id, LEASE).await.unwrap().unwrap();

        let released = release(&mut conn, first.lease).await.unwrap();
        let second = claim(&mut conn, id, LEASE).await.unwrap().unwrap();

        assert!(released && !release(&mut conn, first.lease).await.unwrap());
        assert_eq!(second.attempt, 1);
    }

    #[sqlx::test]
    async fn a_job_queued_again_while_it_runs_is_not_retried_twice(pool: PgPool) {
        let id = queued(&pool).await;
        let mut conn = pool.acquire().await.unwrap();
        let first = claim(&mut conn, id, LEASE).await.unwrap().unwrap();
        add(&mut conn, &[job()]).await.unwrap();

        let retried = retry(&mut conn, first.lease, NO_TIME, "busy").await.unwrap();

        assert!(retried);
        let states: Vec<String> = sqlx::query_scalar("SELECT state FROM jobs ORDER BY state")
            .fetch_all(&pool)
            .await
            .unwrap();
        assert_eq!(states, ["done", "ready"]);
    }

    #[sqlx::test]
    async fn a_job_that_ends_its_process_every_time_is_dead_after_the_last_attempt(pool: PgPool) {
        let id = queued(&pool).await;
        let mut conn = pool.acquire().await.unwrap();

        let mut attempts = 0;
        while claim(&mut conn, id, NO_TIME).await.unwrap().is_some() {
            attempts += 1;
            assert_eq!(
                take_due(&mut conn, QUEUE, 10).await.unwrap().len(),
                usize::from(attempts < 6)
            );
            sqlx::query("UPDATE jobs SET woken_at = NULL")
                .execute(&pool)
                .await
                .unwrap();
        }
        let payload = mark_overdue_dead(&mut conn, "the worker ended").await.unwrap();
        let nothing_more = mark_overdue_dead(&mut conn, "the worker ended").await.unwrap();

        assert_eq!(attempts, job().queue().max_attempts());
        assert_eq!(serde_json::from_value::<Job>(payload.unwrap()).unwrap(), job());
        assert_eq!(nothing_more, None);
        let dead = list_dead(&mut conn, 10).await.unwrap();
        assert_eq!(
            (dead[0].id, dead[0].attempt, dead[0].error.as_deref()),
            (id, attempts, Some("the worker ended"))
        );
    }
}
