//! Waits for a token of a bucket that all calls of one class share.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::bucket::{Bucket, Limit};

/// Longest wait for a token. A caller behind more requests is told to come back later, so that a webhook's or a page's
/// request does not hang.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// A token bucket that this process shares.
#[derive(Debug)]
pub struct Limiter(Mutex<Bucket>);

impl Limiter {
    /// Creates a limiter with a full bucket.
    pub fn new(limit: Limit) -> Self {
        Self(Mutex::new(Bucket::new(limit, Instant::now())))
    }

    /// Waits for tokens.
    ///
    /// # Errors
    /// The wait would be longer than 10 s. It is returned at once.
    pub async fn acquire(&self, tokens: u32) -> Result<(), Duration> {
        let wait = self.bucket().reserve(tokens, LONGEST_WAIT, Instant::now())?;
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        Ok(())
    }

    /// Lets nobody pass for `pause`.
    pub fn block(&self, pause: Duration) {
        self.bucket().block(pause, Instant::now());
    }

    fn bucket(&self) -> MutexGuard<'_, Bucket> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
