//! The calls that fail when the disk does.

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// More files than this are synced with one call for the whole file system. Each call for a file is a commit of the file
/// system's journal: for 100 tracks, whose files are 200, one call takes a fifth of the time and a twentieth of the CPU.
const FEW_FILES: usize = 8;

/// A file system that takes longer for one call has much to write that is not ours.
const LONGEST_SYNC: Duration = Duration::from_millis(500);

/// For how long files are then synced one by one.
const BUSY_TIME: Duration = Duration::from_secs(60);

/// Writes to files; tests use one that fails.
pub(super) trait Disk: Send + Sync + 'static {
    /// Writes some of `bytes` at `offset`, and returns how many.
    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<usize>;

    /// Brings what was written to stable storage.
    fn sync(&self, file: &File) -> io::Result<()>;

    /// Brings what was written to files of one file system to stable storage. After an error, any of them may not be.
    fn sync_all(&self, files: &[Arc<File>]) -> io::Result<()> {
        files.iter().try_for_each(|file| self.sync(file))
    }
}

/// The real one.
#[derive(Default)]
pub(super) struct RealDisk {
    /// When a sync of the whole file system took too long.
    busy_since: Mutex<Option<Instant>>,
}

impl RealDisk {
    fn is_busy(&self) -> bool {
        let busy_since = self.busy_since.lock().unwrap_or_else(PoisonError::into_inner);
        busy_since.is_some_and(|since| since.elapsed() < BUSY_TIME)
    }

    fn sync_file_system(&self, file: &File) -> io::Result<()> {
        let began = Instant::now();
        rustix::fs::syncfs(file)?;
        if began.elapsed() > LONGEST_SYNC {
            *self.busy_since.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        }
        Ok(())
    }
}

impl Disk for RealDisk {
    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
        file.write_at(bytes, offset)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }

    fn sync_all(&self, files: &[Arc<File>]) -> io::Result<()> {
        match files {
            [first, ..] if files.len() > FEW_FILES && !self.is_busy() => self.sync_file_system(first),
            files => files.iter().try_for_each(|file| self.sync(file)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_and_many_files_are_synced() {
        let disk = RealDisk::default();
        for count in [0, 1, FEW_FILES, 3 * FEW_FILES] {
            let files: Vec<_> = (0..count).map(|_| Arc::new(tempfile::tempfile().unwrap())).collect();
            for file in &files {
                disk.write_at(file, b"page", 0).unwrap();
            }

            disk.sync_all(&files).unwrap();
        }
    }

    #[test]
    fn a_busy_file_system_is_left_alone_for_a_while() {
        let disk = RealDisk::default();
        assert!(!disk.is_busy());

        *disk.busy_since.lock().unwrap() = Some(Instant::now());
        assert!(disk.is_busy());

        *disk.busy_since.lock().unwrap() = Instant::now().checked_sub(BUSY_TIME);
        assert!(!disk.is_busy());
    }
}
