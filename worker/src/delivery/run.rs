//! Claims due deliveries and sends them.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures::FutureExt;
use storage::{
    StorageError,
    deliveries::{ClaimLimits, claim_due},
};
use tokio::sync::{Notify, Semaphore};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{attempt, client::ATTEMPT_TIMEOUT, client::DeliveryClient};
use crate::{context::WorkerContext, log::chain};

/// Messages that one worker sends at once. They mostly wait, and hold no database connection.
const SLOTS: usize = 64;

/// Messages under way to one endpoint, from all workers.
const PER_ENDPOINT: i64 = 4;

/// How long a claim holds: longer than an attempt may take, with the time to store its result.
const LEASE: Duration = Duration::from_secs(60);
const _: () = assert!(LEASE.as_secs() > 3 * ATTEMPT_TIMEOUT.as_secs());

/// Results that are stored at once, so that deliveries leave database connections to jobs.
const STORING: usize = 4;

/// How often the table is polled.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// Pause after the database did not answer.
const FAILURE_PAUSE: Duration = Duration::from_secs(2);

/// Sends messages. Clones share its limits.
#[derive(Clone)]
pub struct Courier {
    pub(super) ctx: WorkerContext,
    pub(super) client: DeliveryClient,
    pub(super) storing: Arc<Semaphore>,
    slots: Arc<Semaphore>,
    /// A message has ended, so its endpoint may get the next one.
    ended: Arc<Notify>,
    tasks: TaskTracker,
}

impl Courier {
    pub fn new(ctx: WorkerContext, client: DeliveryClient) -> Self {
        Self {
            ctx,
            client,
            storing: Arc::new(Semaphore::new(STORING)),
            slots: Arc::new(Semaphore::new(SLOTS)),
            ended: Arc::default(),
            tasks: TaskTracker::new(),
        }
    }

    /// Sends due messages until `stop`, then waits for those under way.
    pub async fn run(self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let pause = match self.send_due().await {
                Ok(_) => POLL_INTERVAL,
                Err(error) => {
                    let error = chain(&error);
                    tracing::warn!(error, "cannot claim messages to customers");
                    FAILURE_PAUSE
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(pause) => {}
                () = self.ended.notified() => {}
            }
        }
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Claims due messages and sends each in a task. Returns how many.
    pub(super) async fn send_due(&self) -> Result<usize, StorageError> {
        let limits = ClaimLimits {
            total: i64::try_from(self.slots.available_permits()).unwrap_or_default(),
            per_endpoint: PER_ENDPOINT,
            lease: LEASE,
        };
        let claimed = claim_due(&self.ctx.pool, limits).await?;
        let count = claimed.len();
        for delivery in claimed {
            let (courier, slot) = (self.clone(), self.slots.clone().acquire_owned().await);
            self.tasks.spawn(async move {
                // A panic costs this attempt; the message is sent again when its lease expires.
                let _panicked = AssertUnwindSafe(attempt::run(&courier, delivery)).catch_unwind().await;
                drop(slot);
                courier.ended.notify_one();
            });
        }
        Ok(count)
    }

    /// Waits for the messages under way.
    #[cfg(test)]
    pub(super) async fn finish(&self) {
        self.tasks.close();
        self.tasks.wait().await;
        self.tasks.reopen();
    }
}
