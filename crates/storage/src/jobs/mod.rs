//! Jobs: a row is the job, its outbox entry and its place in the queue.
//!
//! A job is `ready`, then `running` under a lease that its worker renews, then `done` or `dead`. Each claim gets a fencing
//! token, and only the holder of the latest token may write ([`fence`]). A worker that was wrongly considered dead can
//! therefore change nothing.

mod due;
mod lease;
mod list;
mod listen;

pub use due::{Overdue, due_queues, leave_overdue, lock_overdue, mark_overdue_dead, take_due};
pub use lease::{
    Claimed, Lease, claim, fence, finish, leave_unread, mark_dead, postpone, progress, release, renew, retry,
};
pub use list::{DeadJob, UnreadJob, list_dead, list_unread, prune};
pub use listen::NewJobs;

use domain::job::Job;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::StorageError;

/// Queues jobs in the caller's transaction. A job that is already waiting is not queued twice.
pub async fn add(conn: &mut PgConnection, jobs: &[Job]) -> Result<(), StorageError> {
    for job in jobs {
        let queue = job.queue();
        let payload = serde_json::to_value(job).expect("a job consists of ids and a tag, which JSON can represent");
        sqlx::query!(
            "INSERT INTO jobs (id, queue, payload, max_attempts, run_at)
             VALUES ($1, $2, $3, $4, now() + make_interval(secs => $5))
             ON CONFLICT (queue, payload) WHERE state = 'ready' DO NOTHING",
            Uuid::now_v7(),
            queue.as_str(),
            payload,
            queue.max_attempts(),
            queue.delay().as_secs_f64(),
        )
        .execute(&mut *conn)
        .await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use domain::{CaptureId, RecordingId};
    use sqlx::PgPool;

    use super::*;

    #[sqlx::test]
    async fn a_waiting_job_is_not_queued_twice(pool: PgPool) {
        let mut conn = pool.acquire().await.unwrap();
        let start = Job::StartRecording {
            capture_id: CaptureId(Uuid::nil()),
        };
        let accept = Job::AcceptRecording {
            recording_id: RecordingId(Uuid::nil()),
        };

        add(&mut conn, &[start.clone(), accept]).await.unwrap();
        add(&mut conn, &[start]).await.unwrap();

        let queues: Vec<String> = sqlx::query_scalar("SELECT queue FROM jobs ORDER BY queue")
            .fetch_all(&pool)
            .await
            .unwrap();
        assert_eq!(queues, ["accept_recording", "start_recording"]);
    }
}
