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
    /// Outages that postponed the job since its last progress.
    pub outages: i32,
    /// Time since the job was queued or made its last progress.
    pub waiting: Duration,
}

/// Claims a due job. Counts the attempt at the start, so that an attempt that kills its process is counted too. Returns
/// `None` if the job is done, not due, or claimed by another worker.
pub async fn claim(conn: &mut PgConnection, job: JobId, lease_for: Duration) -> Result<Option<Claimed>, StorageError> {
    let token = Uuid::new_v4();
    let row = sqlx::query!(
        "UPDATE jobs
         SET state = 'running', attempt = attempt + 1, token = $2, woken_at = NULL, unread_since = NULL,
             lease_until = now() + make_interval(secs => $3)
         WHERE id = $1 AND state IN ('ready', 'running') AND run_at <= now() AND attempt < max_attempts
           AND coalesce(lease_until, '-infinity') < now()
         RETURNING payload, attempt, max_attempts, outages,
                   greatest(extract(epoch FROM now() - coalesce(progressed_at, created_at)), 0)::float8
                       AS \"waiting_s!\"",
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
        outages: row.outages,
        waiting: Duration::from_secs_f64(row.waiting_s),
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

/// Notes that a running job got further, in the caller's transaction: this attempt counts as its first. Returns `false` if
/// the lease is lost.
pub async fn progress(conn: &mut PgConnection, lease: Lease) -> Result<bool, StorageError> {
    let noted = sqlx::query!(
        "UPDATE jobs
         SET attempt = 1, outages = 0, progressed_at = now()
         WHERE id = $1 AND token = $2 AND state = 'running'",
        lease.job.0,
        lease.token,
    )
    .execute(conn)
    .await?;
    Ok(noted.rows_affected() == 1)
}

/// Schedules a retry; the attempts so far count. Returns `false` if the lease is lost.
pub async fn retry(conn: &mut PgConnection, lease: Lease, after: Duration, error: &str) -> Result<bool, StorageError> {
    let how = Requeue {
        after,
        error: Some(error),
        uncounted_attempts: 0,
        outages: 0,
    };
    requeue(conn, lease, &how).await
}

/// Schedules another attempt after an outage, which does not count as an attempt. Returns `false` if the lease is lost.
pub async fn postpone(
    conn: &mut PgConnection,
    lease: Lease,
    after: Duration,
    error: &str,
) -> Result<bool, StorageError> {
    let how = Requeue {
        after,
        error: Some(error),
        uncounted_attempts: 1,
        outages: 1,
    };
    requeue(conn, lease, &how).await
}

/// Leaves a job that this program cannot read to one that can, which may claim it after `after`. Does not count as an
/// attempt. Returns `false` if the lease is lost.
pub async fn leave_unread(
    conn: &mut PgConnection,
    lease: Lease,
    after: Duration,
    error: &str,
) -> Result<bool, StorageError> {
    let left = sqlx::query!(
        "UPDATE jobs
         SET unread_since = now()
         WHERE id = $1 AND token = $2 AND state = 'running'",
        lease.job.0,
        lease.token,
    )
    .execute(&mut *conn)
    .await?;
    Ok(left.rows_affected() == 1 && postpone(conn, lease, after, error).await?)
}

/// Returns a job to the queue without counting the attempt, because this process is about to end. Another worker may
/// claim it at once. Returns `false` if the lease is lost.
pub async fn release(conn: &mut PgConnection, lease: Lease) -> Result<bool, StorageError> {
    let how = Requeue {
        after: Duration::ZERO,
        error: None,
        uncounted_attempts: 1,
        outages: 0,
    };
    requeue(conn, lease, &how).await
}

/// How a running job returns to its queue.
struct Requeue<'a> {
    after: Duration,
    /// `None` keeps the last one.
    error: Option<&'a str>,
    uncounted_attempts: i32,
    outages: i32,
}

/// Returns a running job to its queue. If the same job was queued meanwhile, that row replaces this one, which becomes
/// done.
async fn requeue(conn: &mut PgConnection, lease: Lease, how: &Requeue<'_>) -> Result<bool, StorageError> {
    let ended = sqlx::query!(
        "UPDATE jobs
         SET state = CASE WHEN waiting.duplicate THEN 'done' ELSE 'ready' END, lease_until = NULL, woken_at = NULL,
             run_at = now() + make_interval(secs => $3), error = coalesce($4, error),
             attempt = greatest(attempt - $5, 0), outages = outages + $6,
             finished_at = CASE WHEN waiting.duplicate THEN now() END
         FROM (SELECT EXISTS (SELECT 1
                              FROM jobs AS duplicate
                              JOIN jobs AS job ON job.queue = duplicate.queue AND job.payload = duplicate.payload
                              WHERE job.id = $1 AND duplicate.state = 'ready') AS duplicate) AS waiting
         WHERE id = $1 AND token = $2 AND state = 'running'",
        lease.job.0,
        lease.token,
        how.after.as_secs_f64(),
        how.error,
        how.uncounted_attempts,
        how.outages,
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
    use crate::jobs::{add, due_queues, leave_overdue, list_dead, lock_overdue, mark_overdue_dead, take_due};

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
        assert!(!postpone(&mut conn, first.lease, NO_TIME, "late").await.unwrap());
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
    async fn an_outage_costs_no_attempt_and_progress_sets_all_counts_back(pool: PgPool) {
        let id = queued(&pool).await;
        let mut conn = pool.acquire().await.unwrap();
        let counts = |claimed: &Claimed| (claimed.attempt, claimed.outages);

        let mut seen = Vec::new();
        for _ in 0..3 {
            let claimed = claim(&mut conn, id, LEASE).await.unwrap().unwrap();
            seen.push(counts(&claimed));
            postpone(&mut conn, claimed.lease, NO_TIME, "no engine").await.unwrap();
        }
        let fourth = claim(&mut conn, id, LEASE).await.unwrap().unwrap();
        sqlx::query("UPDATE jobs SET created_at = now() - interval '1 day'")
            .execute(&pool)
            .await
            .unwrap();
        retry(&mut conn, fourth.lease, NO_TIME, "broken").await.unwrap();
        let fifth = claim(&mut conn, id, LEASE).await.unwrap().unwrap();
        assert!(progress(&mut conn, fifth.lease).await.unwrap());
        retry(&mut conn, fifth.lease, NO_TIME, "broken").await.unwrap();
        let sixth = claim(&mut conn, id, LEASE).await.unwrap().unwrap();

        assert_eq!(seen, [(1, 0), (1, 1), (1, 2)]);
        assert_eq!((counts(&fifth), counts(&sixth)), ((2, 3), (2, 0)));
        assert!(fifth.waiting >= Duration::from_secs(24 * 3600) && sixth.waiting < Duration::from_secs(3600));
        assert!(!progress(&mut conn, fourth.lease).await.unwrap());
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
        let overdue = lock_overdue(&mut conn).await.unwrap().unwrap();
        leave_overdue(&mut conn, id, LEASE).await.unwrap();
        let left_alone = lock_overdue(&mut conn).await.unwrap();
        mark_overdue_dead(&mut conn, id, "the worker ended").await.unwrap();
        let nothing_more = lock_overdue(&mut conn).await.unwrap();

        assert_eq!(attempts, job().queue().max_attempts());
        assert_eq!(serde_json::from_value::<Job>(overdue.payload).unwrap(), job());
        assert_eq!((left_alone, nothing_more), (None, None));
        let dead = list_dead(&mut conn, 10).await.unwrap();
        assert_eq!(
            (dead[0].id, dead[0].attempt, dead[0].error.as_deref()),
            (id, attempts, Some("the worker ended"))
        );
    }
}
