//! A finished file.

use std::path::PathBuf;

/// A finished file in its folder.
#[derive(Clone, Debug)]
pub struct SpooledFile {
    pub path: PathBuf,
    pub size_bytes: u64,
    /// Lower-case hex.
    pub sha256: String,
}
