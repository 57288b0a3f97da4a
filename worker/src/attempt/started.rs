//! What a job knows of its attempt, and how it writes.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use domain::{
    CaptureId, MeetingId, RecordingId,
    capture::Capture,
    meeting::{Change, Meeting},
    recording::Recording,
    room::Room,
};
use storage::{
    ChangeTx, PgConnection, captures,
    jobs::{Claimed, Lease},
    recordings,
};
use tokio::time::Instant;

use crate::{context::WorkerContext, jobs::JobError};

/// One run of a claimed job.
pub struct Attempt<'a> {
    pub ctx: &'a WorkerContext,
    pub lease: Lease,
    /// Attempts after which the job is dead.
    pub max: i32,
    counts: Mutex<Counts>,
}

/// What progress sets back.
#[derive(Clone, Copy)]
struct Counts {
    /// This attempt's number, from 1.
    number: i32,
    outages: i32,
    waiting_since: Instant,
    /// Time waited before `waiting_since`, which is not earlier than this process.
    waited: Duration,
}

impl<'a> Attempt<'a> {
    pub(crate) fn new(claimed: &Claimed, ctx: &'a WorkerContext) -> Self {
        let counts = Counts {
            number: claimed.attempt,
            outages: claimed.outages,
            waiting_since: Instant::now(),
            waited: claimed.waiting,
        };
        Self {
            ctx,
            lease: claimed.lease,
            max: claimed.max_attempts,
            counts: Mutex::new(counts),
        }
    }

    /// Begins a transaction fenced by the lease: no other worker can claim the job until it ends.
    ///
    /// # Errors
    /// A retry if another worker has already claimed it.
    pub async fn begin(&self) -> Result<ChangeTx, JobError> {
        let mut tx = ChangeTx::begin(&self.ctx.pool).await?;
        if storage::jobs::fence(tx.conn(), self.lease).await? {
            return Ok(tx);
        }
        Err(JobError::retry(anyhow::anyhow!(
            "job {} has been claimed by another worker",
            self.lease.job
        )))
    }

    /// Loads a recording; `None` if its meeting was deleted.
    pub async fn recording(&self, id: RecordingId) -> Result<Option<Recording>, JobError> {
        Ok(recordings::find(&mut *self.ctx.conn().await?, id).await?)
    }

    /// Loads a capture; `None` if it was withdrawn.
    pub async fn capture(&self, id: CaptureId) -> Result<Option<Capture>, JobError> {
        Ok(captures::find(&mut *self.ctx.conn().await?, id).await?)
    }

    /// Saves what `decide` makes of a meeting, in a transaction fenced by this attempt's lease.
    pub async fn change(
        &self,
        meeting: MeetingId,
        decide: impl FnOnce(&Room, &Meeting) -> Change,
    ) -> Result<(), JobError> {
        let mut tx = self.begin().await?;
        tx.change_meeting(meeting, decide).await?;
        Ok(tx.commit().await?)
    }

    /// Notes, in the caller's transaction, that the job got further: this attempt counts as its first, and its deadline
    /// starts again.
    pub async fn progress(&self, conn: &mut PgConnection) -> Result<(), JobError> {
        storage::jobs::progress(conn, self.lease).await?;
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner) = Counts {
            number: 1,
            outages: 0,
            waiting_since: Instant::now(),
            waited: Duration::ZERO,
        };
        Ok(())
    }

    /// Returns this attempt's number, from 1. Outages do not count.
    pub fn number(&self) -> i32 {
        self.counts().number
    }

    /// Returns how often an outage postponed the job since its last progress.
    pub fn outages(&self) -> i32 {
        self.counts().outages
    }

    /// Returns the time since the job was queued or made its last progress.
    pub fn waiting(&self) -> Duration {
        let counts = self.counts();
        counts.waited + counts.waiting_since.elapsed()
    }

    /// Whether the job is dead if this fails with a retry.
    pub fn is_last(&self) -> bool {
        self.number() >= self.max
    }

    fn counts(&self) -> Counts {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
