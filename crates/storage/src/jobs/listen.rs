//! Notifications of new jobs.

use sqlx::{PgPool, postgres::PgListener};

use crate::StorageError;

/// Channel that a trigger of the table notifies of new rows.
const CHANNEL: &str = "jobs";

/// A connection that is notified when jobs are queued. Only a hint: notifications sent while it is broken are lost.
pub struct NewJobs(PgListener);

impl NewJobs {
    /// Takes a connection out of the pool and listens on it.
    pub async fn listen(pool: &PgPool) -> Result<Self, StorageError> {
        let mut listener = PgListener::connect_with(pool).await?;
        listener.listen(CHANNEL).await?;
        Ok(Self(listener))
    }

    /// Waits until a transaction that queued jobs has committed. Reconnects by itself; an error means that reconnecting
    /// failed.
    pub async fn next(&mut self) -> Result<(), StorageError> {
        self.0.try_recv().await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use domain::{CaptureId, job::Job};
    use uuid::Uuid;

    use super::*;

    /// Only a failing test waits this long.
    const TIMEOUT: Duration = Duration::from_secs(10);

    #[sqlx::test]
    async fn a_committed_job_is_notified(pool: PgPool) {
        let mut jobs = NewJobs::listen(&pool).await.unwrap();
        let mut tx = pool.begin().await.unwrap();

        let job = Job::StartRecording {
            capture_id: CaptureId(Uuid::nil()),
        };
        crate::jobs::add(&mut tx, &[job]).await.unwrap();
        tx.commit().await.unwrap();

        tokio::time::timeout(TIMEOUT, jobs.next()).await.unwrap().unwrap();
    }
}
