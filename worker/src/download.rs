//! An object on this machine's disk while a job reads it: recordings can be larger than memory.

use std::{
    fs::File,
    io::{Seek, SeekFrom, Write},
};

use domain::ObjectKey;
use futures::StreamExt;
use objects::ObjectStore;
use sha2::{Digest, Sha256};
use tokio::task::spawn_blocking;

use crate::jobs::JobError;

/// The file has no name and is gone with its last handle, however the process ends.
pub struct Spooled {
    file: File,
    /// Lower-case hex.
    pub sha256: String,
    pub size_bytes: u64,
}

impl Spooled {
    /// Fetches an object, digesting it on the way.
    pub async fn fetch(store: &dyn ObjectStore, key: &ObjectKey) -> Result<Self, JobError> {
        let mut object = store.get(key, None).await?;
        let mut writing = Writing {
            file: tempfile::tempfile().map_err(disk)?,
            digest: Sha256::new(),
            size_bytes: 0,
        };
        while let Some(chunk) = object.stream.next().await {
            let chunk = chunk?;
            writing = spawn_blocking(move || writing.push(&chunk))
                .await
                .map_err(JobError::retry)?
                .map_err(disk)?;
        }
        let sha256 = writing
            .digest
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Ok(Self {
            file: writing.file,
            sha256,
            size_bytes: writing.size_bytes,
        })
    }

    /// The file from its start. Handles share their position: one at a time.
    pub fn open(&self) -> Result<File, JobError> {
        let open = || {
            let mut file = self.file.try_clone()?;
            file.seek(SeekFrom::Start(0))?;
            Ok(file)
        };
        open().map_err(disk)
    }
}

struct Writing {
    file: File,
    digest: Sha256,
    size_bytes: u64,
}

impl Writing {
    fn push(mut self, chunk: &[u8]) -> std::io::Result<Self> {
        self.file.write_all(chunk)?;
        self.digest.update(chunk);
        self.size_bytes += chunk.len() as u64;
        Ok(self)
    }
}

fn disk(why: std::io::Error) -> JobError {
    let what = "the folder for temporary files cannot be used; check the space in TMPDIR";
    JobError::retry(anyhow::Error::new(why).context(what))
}
