//! The calls that fail when the disk does.

use std::{fs::File, io, os::unix::fs::FileExt};

/// Writes to files; tests use one that fails.
pub(super) trait Disk: Send + Sync + 'static {
    /// Writes some of `bytes` at `offset`, and returns how many.
    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<usize>;

    /// Brings what was written to stable storage.
    fn sync(&self, file: &File) -> io::Result<()>;
}

/// The real one.
pub(super) struct RealDisk;

impl Disk for RealDisk {
    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
        file.write_at(bytes, offset)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }
}
