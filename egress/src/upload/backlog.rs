//! Counts the recordings that are not stored yet.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::metrics;

/// The recordings that are not stored yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    pub uploads: usize,
    /// Audio without manifests.
    pub bytes: u64,
    /// How long the oldest waits.
    pub oldest: Duration,
}

/// The recordings that wait for the store or are on their way.
#[derive(Clone, Debug, Default)]
pub struct Waiting(Arc<Mutex<Entries>>);

#[derive(Debug, Default)]
struct Entries {
    next: u64,
    /// In the order in which they were added.
    entries: BTreeMap<u64, Entry>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    since: Instant,
    bytes: u64,
}

/// Counts one recording until it is dropped.
#[derive(Debug)]
pub struct Counted {
    waiting: Waiting,
    number: u64,
}

impl Waiting {
    /// Counts a recording of `bytes` until the result is dropped.
    pub fn add(&self, bytes: u64) -> Counted {
        let mut entries = self.lock();
        let number = entries.next;
        entries.next += 1;
        let since = Instant::now();
        entries.entries.insert(number, Entry { since, bytes });
        drop(entries);
        self.publish();
        Counted {
            waiting: self.clone(),
            number,
        }
    }

    pub fn backlog(&self) -> Backlog {
        let entries = &self.lock().entries;
        Backlog {
            uploads: entries.len(),
            bytes: entries.values().map(|entry| entry.bytes).sum(),
            oldest: entries
                .first_key_value()
                .map(|(_, entry)| entry.since.elapsed())
                .unwrap_or_default(),
        }
    }

    /// Updates the metrics.
    pub fn publish(&self) {
        let backlog = self.backlog();
        metrics::upload_backlog(backlog.uploads, backlog.bytes, backlog.oldest);
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.waiting.lock().entries.remove(&self.number);
        self.waiting.publish();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_counts_until_it_is_stored_or_given_back() {
        let waiting = Waiting::default();

        let first = waiting.add(10);
        let second = waiting.add(5);
        let both = waiting.backlog();
        drop(first);
        let one = waiting.backlog();
        drop(second);

        assert_eq!((both.uploads, both.bytes), (2, 15));
        assert_eq!((one.uploads, one.bytes), (1, 5));
        assert_eq!(waiting.backlog(), Backlog::default());
    }
}
