//! Files that only their owner may read, replaced as a whole.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use anyhow::{Context, Result};

const OWNER_ONLY: u32 = 0o600;

/// Writes beside the goal and renames, so that a crash leaves the old file or the new one. An unchanged file is left
/// alone, unless others could read it.
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
