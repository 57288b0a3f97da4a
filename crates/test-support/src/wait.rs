//! Waiting for a condition instead of for a fixed time.

use std::time::{Duration, Instant};

/// Pause between two checks: short against everything that tests wait for, long against what a check costs.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Calls `check` until it returns a value, and returns that.
///
/// # Panics
/// Names `what` when `timeout` is over.
pub async fn wait_until<T>(what: &str, timeout: Duration, mut check: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + timeout;
    loop {
        if let Some(found) = check().await {
            return found;
        }
        assert!(Instant::now() < deadline, "not true after {timeout:?}: {what}");
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}
