//! Atomic writes and deletions that survive a power cut.

use std::{
    fs::{self, DirBuilder, File},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::SystemTime,
};

use domain::ObjectKey;

use super::{
    object_error,
    path::{self, TEMP_PREFIX},
};
use crate::{Body, ObjectError, body::unreadable, digest::Sha256Writer};

/// Only our user may read objects.
const FILE_MODE: u32 = 0o600;

/// Only our user may enter folders.
const FOLDER_MODE: u32 = 0o700;

/// Stores `body` under `key` and returns its size in bytes. Stores nothing if its digest is not `sha256`.
pub fn put(root: &Path, key: &ObjectKey, body: Body, sha256: Option<&str>) -> Result<u64, ObjectError> {
    let target = path::resolve_new(root, key)?;
    let parent = target.parent().unwrap_or(root);
    make_folders(parent).map_err(|e| path::write_error(key, e))?;
    let temp = TempFile(parent.join(temp_name()));
    let size = match body {
        Body::Bytes(bytes) => write_bytes(&temp.0, &bytes).map_err(|e| object_error(key, "store an object", e))?,
        Body::File(source) => copy(&source, &temp.0, key, sha256)?,
    };
    fs::rename(&temp.0, &target).map_err(|e| object_error(key, "store an object", e))?;
    sync_folder(parent).map_err(|e| object_error(key, "store an object", e))?;
    Ok(size)
}

/// Deletes an object's file. Keeps empty folders, because a concurrent write may be about to use them.
pub fn remove(root: &Path, key: &ObjectKey) -> Result<(), ObjectError> {
    let target = path::resolve_existing(root, key)?;
    fs::remove_file(&target).map_err(|e| object_error(key, "delete an object", e))?;
    sync_folder(target.parent().unwrap_or(root)).map_err(|e| object_error(key, "delete an object", e))
}

/// A temporary file, deleted on drop unless it was renamed.
struct TempFile(PathBuf);

impl Drop for TempFile {
    fn drop(&mut self) {
        // Fails if the file was renamed, which is fine.
        let _renamed = fs::remove_file(&self.0);
    }
}

/// Returns a short name that is unique across threads and processes.
fn temp_name() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let nanos = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_nanos();
    format!(
        "{TEMP_PREFIX}{}-{nanos:x}-{}",
        std::process::id(),
        COUNT.fetch_add(1, Ordering::Relaxed)
    )
}

fn create(path: &Path) -> io::Result<File> {
    File::options().write(true).create_new(true).mode(FILE_MODE).open(path)
}

fn write_bytes(path: &Path, bytes: &[u8]) -> io::Result<u64> {
    let mut file = create(path)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    Ok(bytes.len() as u64)
}

fn copy(source: &Path, path: &Path, key: &ObjectKey, sha256: Option<&str>) -> Result<u64, ObjectError> {
    let mut from = File::open(source).map_err(|e| unreadable(source, e))?;
    let mut write = || {
        let mut to = Sha256Writer::new(create(path)?);
        let size = io::copy(&mut from, &mut to)?;
        let (to, digest) = to.into_parts();
        to.sync_all()?;
        Ok((size, digest))
    };
    let (size, digest) = write().map_err(|e| object_error(key, "store an object", e))?;
    if sha256.is_some_and(|expected| expected != digest.to_hex()) {
        return Err(ObjectError::SourceChanged {
            path: source.to_owned(),
        });
    }
    Ok(size)
}

/// Creates missing folders, and syncs each folder that has a new entry.
pub fn make_folders(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let parent = folder.parent().ok_or(io::ErrorKind::NotFound)?;
    make_folders(parent)?;
    match DirBuilder::new().mode(FOLDER_MODE).create(folder) {
        // Created concurrently by another writer.
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => Ok(()),
        Err(e) => Err(e),
        Ok(()) => sync_folder(parent),
    }
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
