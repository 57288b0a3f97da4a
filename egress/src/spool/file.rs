//! The file of one recording.

use std::{
    io,
    path::PathBuf,
    time::{Duration, Instant},
};

use sha2::{Digest, Sha256};
use tokio::{
    fs::{self, File},
    io::AsyncWriteExt,
};

/// The name of the file in the folder of its egress.
const FILE_NAME: &str = "recording.ogg";

/// The most audio that a power failure can lose. A killed process loses nothing that was appended, because the
/// operating system has it.
const SYNC_INTERVAL: Duration = Duration::from_secs(5);

/// A file that is being written.
#[derive(Debug)]
pub struct SpoolWriter {
    path: PathBuf,
    file: File,
    digest: Sha256,
    size_bytes: u64,
    synced: Instant,
}

/// A finished file.
#[derive(Clone, Debug)]
pub struct SpooledFile {
    pub path: PathBuf,
    pub size_bytes: u64,
    /// Lower-case hex.
    pub sha256: String,
}

impl SpoolWriter {
    pub(super) async fn create(folder: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&folder).await?;
        let path = folder.join(FILE_NAME);
        let file = File::options().write(true).create_new(true).open(&path).await?;
        Ok(Self {
            path,
            file,
            digest: Sha256::new(),
            size_bytes: 0,
            synced: Instant::now(),
        })
    }

    /// Writes the bytes to the operating system, where they survive the end of this process.
    pub async fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes).await?;
        self.file.flush().await?;
        self.digest.update(bytes);
        self.size_bytes += bytes.len() as u64;
        if self.synced.elapsed() >= SYNC_INTERVAL {
            self.file.sync_data().await?;
            self.synced = Instant::now();
        }
        Ok(())
    }

    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Closes the file once all of it is on the disk.
    pub async fn close(self) -> io::Result<SpooledFile> {
        self.file.sync_all().await?;
        let sha256 = self
            .digest
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Ok(SpooledFile {
            path: self.path,
            size_bytes: self.size_bytes,
            sha256,
        })
    }

    /// Removes the file and its folder; for recordings without a packet.
    pub async fn discard(self) -> io::Result<()> {
        remove(self.path).await
    }
}

impl SpooledFile {
    /// Removes the file and its folder; for recordings that are stored.
    pub async fn remove(self) -> io::Result<()> {
        remove(self.path).await
    }
}

async fn remove(mut path: PathBuf) -> io::Result<()> {
    fs::remove_file(&path).await?;
    path.pop();
    fs::remove_dir(&path).await
}
