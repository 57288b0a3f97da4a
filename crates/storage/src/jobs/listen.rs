//! Hearing of new jobs without asking.

use sqlx::{PgPool, postgres::PgListener};

use crate::StorageError;

/// Channel on which a trigger of the table tells of new rows.
const CHANNEL: &str = "jobs";

/// A connection that is told when jobs are queued. A hint: what is told while it is broken is not told again.
pub struct NewJobs(PgListener);

impl NewJobs {
    /// Takes a connection of the pool for good.
    pub async fn listen(pool: &PgPool) -> Result<Self, StorageError> {
        let mut listener = PgListener::connect_with(pool).await?;
        listener.listen(CHANNEL).await?;
        Ok(Self(listener))
    }

    /// Waits until a transaction that queued jobs has committed. Connects again by itself; an error means that it
    /// could not.
    pub async fn next(&mut self) -> Result<(), StorageError> {
        self.0.try_recv().await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use domain::{RecordingId, job::Job};
    use uuid::Uuid;

    use super::*;

    /// Ample; only a failing test waits this long.
    const PATIENCE: Duration = Duration::from_secs(10);

    #[sqlx::test]
    async fn a_committed_job_is_told(pool: PgPool) {
        let mut jobs = NewJobs::listen(&pool).await.unwrap();
        let mut tx = pool.begin().await.unwrap();

        let job = Job::StartRecording {
            recording_id: RecordingId(Uuid::nil()),
        };
        crate::jobs::add(&mut tx, &[job]).await.unwrap();
        tx.commit().await.unwrap();

        tokio::time::timeout(PATIENCE, jobs.next()).await.unwrap().unwrap();
    }
}
