//! Writes files that only their owner can read.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use anyhow::{Context, Result};

const OWNER_ONLY: u32 = 0o600;

/// Writes to a temporary file and renames it, so that a crash leaves the old file or the new one.
pub fn secret(path: &Path, content: &str) -> Result<()> {
    let write = || {
        let unfinished = path.with_extension("unfinished");
        fs::remove_file(&unfinished).or_else(|e| {
            if e.kind() == std::io::ErrorKind::NotFound {
                Ok(())
            } else {
                Err(e)
            }
        })?;
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(OWNER_ONLY)
            .open(&unfinished)?;
        file.write_all(content.as_bytes())?;
        file.sync_all()?;
        fs::rename(&unfinished, path)
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}
