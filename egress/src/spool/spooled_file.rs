//! A finished file.

use std::{io, path::PathBuf};

/// A finished file in its folder.
#[derive(Clone, Debug)]
pub struct SpooledFile {
    pub path: PathBuf,
    pub size_bytes: u64,
    /// Lower-case hex.
    pub sha256: String,
}

impl SpooledFile {
    /// Removes the file and its folder; for recordings that are stored.
    pub async fn remove(self) -> io::Result<()> {
        super::legacy::remove(self.path).await
    }
}
