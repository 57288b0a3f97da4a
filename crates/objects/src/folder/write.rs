//! Changes to a folder that survive a power cut whole or not at all.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::SystemTime,
};

use domain::ObjectKey;

use super::{
    failure,
    path::{self, UNFINISHED},
};
use crate::{Body, ObjectError};

/// Puts `body` where `key` says and returns its size in bytes.
pub fn replace(root: &Path, key: &ObjectKey, body: Body) -> Result<u64, ObjectError> {
    let goal = path::of_new(root, key)?;
    let parent = goal.parent().unwrap_or(root);
    make_folders(parent).map_err(|e| path::blocked(key, e))?;
    let unfinished = Unfinished(parent.join(unfinished_name()));
    let size = match body {
        Body::Bytes(bytes) => write_bytes(&unfinished.0, &bytes).map_err(|e| failure(key, "store an object", e))?,
        Body::File(source) => copy(&source, &unfinished.0, key)?,
    };
    fs::rename(&unfinished.0, &goal).map_err(|e| failure(key, "store an object", e))?;
    sync_folder(parent).map_err(|e| failure(key, "store an object", e))?;
    Ok(size)
}

/// Removes an object's file; empty folders stay, because a put may be about to use them.
pub fn remove(root: &Path, key: &ObjectKey) -> Result<(), ObjectError> {
    let goal = path::of_existing(root, key)?;
    fs::remove_file(&goal).map_err(|e| failure(key, "delete an object", e))?;
    sync_folder(goal.parent().unwrap_or(root)).map_err(|e| failure(key, "delete an object", e))
}

/// A file that goes away again unless it was renamed.
struct Unfinished(PathBuf);

impl Drop for Unfinished {
    fn drop(&mut self) {
        // Gone already where the rename worked.
        let _renamed = fs::remove_file(&self.0);
    }
}

/// A short name that no other writer uses, here or in another process.
fn unfinished_name() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let nanos = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_nanos();
    format!(
        "{UNFINISHED}{}-{nanos:x}-{}",
        std::process::id(),
        COUNT.fetch_add(1, Ordering::Relaxed)
    )
}

fn write_bytes(path: &Path, bytes: &[u8]) -> io::Result<u64> {
    let mut file = File::create_new(path)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    Ok(bytes.len() as u64)
}

fn copy(source: &Path, path: &Path, key: &ObjectKey) -> Result<u64, ObjectError> {
    let mut from = File::open(source).map_err(|e| ObjectError::Source {
        path: source.to_owned(),
        source: e,
    })?;
    let mut write = || {
        let mut to = File::create_new(path)?;
        let size = io::copy(&mut from, &mut to)?;
        to.sync_all()?;
        Ok(size)
    };
    write().map_err(|e| failure(key, "store an object", e))
}

/// Makes what is missing of a path, and syncs each folder that got a new entry.
fn make_folders(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let parent = folder.parent().ok_or(io::ErrorKind::NotFound)?;
    make_folders(parent)?;
    match fs::create_dir(folder) {
        // Another writer was faster.
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => Ok(()),
        Err(e) => Err(e),
        Ok(()) => sync_folder(parent),
    }
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
