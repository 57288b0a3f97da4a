//! A copy of an object in a temporary file while a job reads it: recordings can be larger than memory.

use std::{
    fs::File,
    io::{self, Seek, SeekFrom, Write},
};

use domain::ObjectKey;
use futures::StreamExt;
use objects::{ObjectError, ObjectStore};
use sha2::{Digest, Sha256};
use tokio::task::{JoinError, spawn_blocking};

/// An object on disk. The file has no name, so that it disappears with its last handle, however the process ends.
pub struct DownloadedObject {
    file: File,
    /// Lower-case hex.
    pub sha256: String,
    pub size_bytes: u64,
}

/// Why an object could not be downloaded.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    #[error(transparent)]
    Store(#[from] ObjectError),
    #[error("cannot use a temporary file; check the free space in TMPDIR")]
    Disk(#[from] io::Error),
    #[error("the thread that writes the temporary file ended")]
    Thread(#[from] JoinError),
}

impl DownloadError {
    /// Whether the same call may succeed later without anyone changing anything.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Store(error) => error.is_transient(),
            Self::Disk(_) | Self::Thread(_) => true,
        }
    }

    /// Whether the object is not in the store.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_not_found())
    }
}

impl DownloadedObject {
    /// Downloads an object and computes its digest on the way.
    pub async fn fetch(store: &dyn ObjectStore, key: &ObjectKey) -> Result<Self, DownloadError> {
        let mut object = store.get(key, None).await?;
        let mut writer = Writer {
            file: tempfile::tempfile()?,
            digest: Sha256::new(),
            size_bytes: 0,
        };
        while let Some(chunk) = object.stream.next().await {
            let chunk = chunk?;
            writer = spawn_blocking(move || writer.append(&chunk)).await??;
        }
        let sha256 = writer.digest.finalize();
        Ok(Self {
            file: writer.file,
            sha256: hex::encode(sha256),
            size_bytes: writer.size_bytes,
        })
    }

    /// Opens the file at its start. Handles share their position, so use one at a time.
    pub fn open(&self) -> Result<File, DownloadError> {
        let mut file = self.file.try_clone()?;
        file.seek(SeekFrom::Start(0))?;
        Ok(file)
    }
}

struct Writer {
    file: File,
    digest: Sha256,
    size_bytes: u64,
}

impl Writer {
    fn append(mut self, chunk: &[u8]) -> io::Result<Self> {
        self.file.write_all(chunk)?;
        self.digest.update(chunk);
        self.size_bytes += chunk.len() as u64;
        Ok(self)
    }
}
