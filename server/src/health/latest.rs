//! Keeps the latest readiness, so that asking for it costs other services nothing: the endpoint needs no key.

use std::time::Duration;

use tokio::{sync::Mutex, time::Instant};

use super::Readiness;

/// How long a result is returned again. Orchestrators ask every few seconds.
const FRESH_FOR: Duration = Duration::from_secs(3);

/// The latest readiness, and when it was checked.
pub struct Latest {
    fresh_for: Duration,
    readiness: Mutex<Option<(Instant, Readiness)>>,
}

impl Default for Latest {
    fn default() -> Self {
        Self::fresh_for(FRESH_FOR)
    }
}

impl Latest {
    fn fresh_for(fresh_for: Duration) -> Self {
        Self {
            fresh_for,
            readiness: Mutex::default(),
        }
    }

    /// Returns the latest readiness, or else checks it. One check runs at a time; those who come meanwhile wait for its
    /// result. A check whose caller goes away is made by the next one.
    pub async fn get(&self, check: impl Future<Output = Readiness>) -> Readiness {
        // Held while checking: this is what makes the others wait.
        let mut latest = self.readiness.lock().await;
        if let Some((checked_at, readiness)) = latest.as_ref()
            && checked_at.elapsed() < self.fresh_for
        {
            return readiness.clone();
        }
        let readiness = check.await;
        *latest = Some((Instant::now(), readiness.clone()));
        readiness
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use futures::{FutureExt, future::join_all};

    use super::*;
    use crate::health::{Dependency, DependencyStatus};

    /// Longer than any test.
    const LONG: Duration = Duration::from_secs(3600);

    async fn check(count: &AtomicU32) -> Readiness {
        count.fetch_add(1, Ordering::Relaxed);
        tokio::task::yield_now().await;
        let database = Dependency {
            status: DependencyStatus::Ok,
            latency_ms: 0,
            error: None,
        };
        Readiness::of(database, std::iter::empty())
    }

    async fn checks_of(latest: Latest) -> u32 {
        let count = AtomicU32::new(0);
        join_all((0..50).map(|_| latest.get(check(&count)))).await;
        latest.get(check(&count)).await;
        count.into_inner()
    }

    #[tokio::test]
    async fn one_check_serves_all_who_ask_while_it_is_fresh() {
        assert_eq!(checks_of(Latest::fresh_for(LONG)).await, 1);
        assert_eq!(checks_of(Latest::fresh_for(Duration::ZERO)).await, 51);
    }

    #[tokio::test]
    async fn a_check_whose_caller_goes_away_blocks_nobody() {
        let (latest, count) = (Latest::fresh_for(LONG), AtomicU32::new(0));

        let gone = latest.get(check(&count)).now_or_never();
        latest.get(check(&count)).await;

        assert!(gone.is_none());
        assert_eq!(count.into_inner(), 2);
    }
}
