//! One client per store, shared by all uploads to it, and what is known of the store's condition.

use std::{
    error::Error,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use domain::ObjectKey;
use objects::{Objects, OpenError, StoreConfig};
use rand::Rng;
use tokio::{
    sync::{Notify, Semaphore, SemaphorePermit},
    time::sleep,
};

/// Uploads to one store at the same time. More would slow each other down; a shift in which hundreds of meetings end at
/// the same time waits its turn in the spool.
const MAX_PARALLEL_UPLOADS: usize = 8;

/// Stores whose clients are kept. Requests can name their own stores, with credentials that change each time.
const MAX_STORES: usize = 16;

/// Longest pause between two attempts of one upload, so that a store is used again at most a minute after it recovered.
const MAX_PAUSE: Duration = Duration::from_secs(60);

/// How often a store that keeps failing is logged.
const REMINDER_INTERVAL: Duration = Duration::from_secs(300);

/// The stores that were used last.
#[derive(Clone, Debug, Default)]
pub struct Stores(Arc<Mutex<Vec<Arc<Store>>>>);

/// A store and its condition.
#[derive(Debug)]
pub struct Store {
    config: StoreConfig,
    opened: Mutex<Option<Objects>>,
    turns: Semaphore,
    /// Wakes the uploads that wait for a failing store.
    recovered: Notify,
    outage: Mutex<Option<Outage>>,
}

/// A store that fails.
#[derive(Clone, Copy, Debug)]
struct Outage {
    since: Instant,
    logged_at: Instant,
    failures: u64,
}

impl Stores {
    /// Returns the store that `config` describes. The same configuration gives the same store.
    pub fn get(&self, config: &StoreConfig) -> Arc<Store> {
        let mut stores = lock(&self.0);
        let known = stores.iter().position(|store| store.config == *config);
        let store = known.map_or_else(|| Arc::new(Store::new(config.clone())), |index| stores.remove(index));
        stores.push(store.clone());
        if stores.len() > MAX_STORES {
            stores.remove(0);
        }
        store
    }
}

impl Store {
    fn new(config: StoreConfig) -> Self {
        Self {
            config,
            opened: Mutex::default(),
            turns: Semaphore::new(MAX_PARALLEL_UPLOADS),
            recovered: Notify::new(),
            outage: Mutex::default(),
        }
    }

    /// Waits until another upload may begin.
    pub async fn turn(&self) -> SemaphorePermit<'_> {
        self.turns.acquire().await.expect("the semaphore is never closed")
    }

    /// Returns the client, which is opened at its first use.
    pub fn objects(&self) -> Result<Objects, OpenError> {
        let mut opened = lock(&self.opened);
        if let Some(objects) = &*opened {
            return Ok(objects.clone());
        }
        let objects = objects::open(&self.config)?;
        *opened = Some(objects.clone());
        Ok(objects)
    }

    /// Wakes the uploads that wait, and logs the end of an outage.
    pub fn succeeded(&self) {
        self.recovered.notify_waiters();
        if let Some(outage) = lock(&self.outage).take() {
            let (seconds, failures) = (outage.since.elapsed().as_secs(), outage.failures);
            tracing::info!(
                failures,
                "the object store accepts recordings again after {seconds} s and {failures} failed attempts"
            );
        }
    }

    /// Logs the first failure, and then a reminder at intervals.
    pub fn failed(&self, key: &ObjectKey, error: &(dyn Error + 'static)) {
        let now = Instant::now();
        let mut outage = lock(&self.outage);
        let current = outage.get_or_insert(Outage {
            since: now,
            logged_at: now,
            failures: 0,
        });
        current.failures += 1;
        let failures = current.failures;
        if failures == 1 {
            tracing::error!(
                error, %key,
                "cannot store a recording; it stays in the spool and is tried again until it is stored"
            );
        } else if current.logged_at.elapsed() >= REMINDER_INTERVAL {
            current.logged_at = now;
            let seconds = current.since.elapsed().as_secs();
            tracing::error!(
                error, %key, failures,
                "still cannot store recordings after {seconds} s; they stay in the spool"
            );
        }
    }

    /// Waits before the next attempt of an upload that failed `failures` times, or until another upload succeeds.
    pub async fn pause(&self, failures: u32) {
        tokio::select! {
            () = sleep(pause(failures, rand::rng().random_range(0.5..=1.0))) => {}
            () = self.recovered.notified() => {}
        }
    }
}

/// 1, 2, 4 … seconds, at most a minute, times `jitter`, so that uploads that failed together are not repeated together.
fn pause(failures: u32, jitter: f64) -> Duration {
    let doubled = Duration::from_secs(1 << failures.saturating_sub(1).min(20));
    doubled.min(MAX_PAUSE).mul_f64(jitter)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use objects::FolderConfig;

    use super::*;

    fn folder(root: &str) -> StoreConfig {
        StoreConfig::Folder(FolderConfig { root: root.into() })
    }

    #[test]
    fn the_same_configuration_gives_the_same_store_and_few_are_kept() {
        let stores = Stores::default();

        let first = stores.get(&folder("/a"));
        assert!(Arc::ptr_eq(&first, &stores.get(&folder("/a"))));
        for n in 0..MAX_STORES {
            stores.get(&folder(&format!("/{n}")));
        }

        assert!(!Arc::ptr_eq(&first, &stores.get(&folder("/a"))));
        assert_eq!(lock(&stores.0).len(), MAX_STORES);
    }

    #[test]
    fn pauses_double_up_to_a_minute() {
        let seconds = |failures| pause(failures, 1.0).as_secs();

        assert_eq!([1, 2, 3, 6, 7, u32::MAX].map(seconds), [1, 2, 4, 32, 60, 60]);
        assert_eq!(pause(7, 0.5), Duration::from_secs(30));
    }
}
