//! How much room is left, and how the disk is doing.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    time::Duration,
};

/// The state of the disk and of the spool's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpoolSpace {
    /// What this user may still write to the file system of the spool; 0 if that is not known.
    pub free_bytes: u64,
    /// What waits in memory because it is not written yet.
    pub backlog_bytes: u64,
    pub level: SpaceLevel,
    /// Age of the oldest folder; `None` if there is none.
    pub oldest: Option<Duration>,
    /// How long the last group sync took.
    pub last_sync: Duration,
}

/// Whether there is room for more recordings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpaceLevel {
    Enough,
    /// Less than `SpoolConfig::min_free_bytes`: accept nothing new.
    Low,
    /// Writes fail: the audio is in memory.
    Full,
}

/// Figures that the threads of the spool share.
#[derive(Debug, Default)]
pub(super) struct Gauges {
    backlog_bytes: AtomicUsize,
    /// The last write failed.
    is_failing: AtomicBool,
    /// A group sync is running.
    is_syncing: AtomicBool,
    last_sync_ms: AtomicU64,
}

impl Gauges {
    pub(super) fn queued(&self, bytes: usize) {
        self.backlog_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Bytes were written or dropped.
    pub(super) fn unqueued(&self, bytes: usize) {
        self.backlog_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    pub(super) fn backlog_bytes(&self) -> u64 {
        self.backlog_bytes.load(Ordering::Relaxed) as u64
    }

    /// Notes whether writes fail, and returns whether that is new.
    pub(super) fn set_failing(&self, is_failing: bool) -> bool {
        self.is_failing.swap(is_failing, Ordering::Relaxed) != is_failing
    }

    pub(super) fn is_failing(&self) -> bool {
        self.is_failing.load(Ordering::Relaxed)
    }

    /// Begins a group sync, unless one is running.
    pub(super) fn begin_sync(&self) -> bool {
        !self.is_syncing.swap(true, Ordering::Relaxed)
    }

    pub(super) fn synced(&self, took: Duration) {
        let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        self.last_sync_ms.store(ms, Ordering::Relaxed);
        self.is_syncing.store(false, Ordering::Relaxed);
    }

    pub(super) fn last_sync(&self) -> Duration {
        Duration::from_millis(self.last_sync_ms.load(Ordering::Relaxed))
    }
}
