//! How much room is left.

use std::time::Duration;

/// The state of the disk and of the spool's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpoolSpace {
    /// What this user may still write to the file system of the spool.
    pub free_bytes: u64,
    /// What waits in memory because it is not written yet.
    pub backlog_bytes: u64,
    pub level: SpaceLevel,
    /// Age of the oldest folder; `None` if there is none.
    pub oldest: Option<Duration>,
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
