//! Waiting for something to be so, instead of for a time in which it should have become so.

use std::time::{Duration, Instant};

/// How often a condition is looked at. Short against everything that tests wait for, long against what a look costs.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Looks until `look` finds something, and returns it.
///
/// # Panics
/// Says `what` it waited for when `patience` is over.
pub async fn wait_until<T>(what: &str, patience: Duration, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {patience:?} in vain until {what}");
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
