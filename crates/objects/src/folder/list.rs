//! Lists the objects in a folder.

use std::{
    fs::{self, DirEntry},
    io,
    path::{Path, PathBuf},
};

use chrono::{DateTime, Utc};
use domain::ObjectKey;

use super::path::TEMP_PREFIX;
use crate::Listed;

/// Lists all objects whose key starts with `prefix`, sorted by key. Skips symbolic links, temporary files and names that
/// are not valid keys, none of which the store has written.
pub fn objects(root: &Path, prefix: &str) -> io::Result<Vec<Listed>> {
    // The folders of the prefix limit the walk. `.` and `..` in them could leave the root.
    let folder = prefix.rsplit_once('/').map_or("", |(folder, _)| folder);
    if folder.split('/').any(|part| part == "." || part == "..") {
        return Ok(Vec::new());
    }
    let mut pending = vec![root.join(folder.trim_start_matches('/'))];
    let mut found = Vec::new();
    while let Some(folder) = pending.pop() {
        for entry in entries(&folder)? {
            visit(root, &entry?, &mut pending, &mut found)?;
        }
    }
    found.retain(|listed| listed.key.as_str().starts_with(prefix));
    found.sort_by(|a, b| a.key.cmp(&b.key));
    Ok(found)
}

/// Returns the entries of a folder. Empty if it does not exist, or is a link or a file.
fn entries(folder: &Path) -> io::Result<Vec<io::Result<DirEntry>>> {
    if !fs::symlink_metadata(folder).is_ok_and(|m| m.is_dir()) {
        return Ok(Vec::new());
    }
    match fs::read_dir(folder) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        entries => Ok(entries?.collect()),
    }
}

fn visit(root: &Path, entry: &DirEntry, pending: &mut Vec<PathBuf>, found: &mut Vec<Listed>) -> io::Result<()> {
    let kind = entry.file_type()?;
    if kind.is_dir() {
        pending.push(entry.path());
    } else if kind.is_file()
        && let Some(key) = key_of(root, &entry.path())
    {
        found.extend(listed(key, entry));
    }
    Ok(())
}

/// Returns `None` if the file was deleted in the meantime.
fn listed(key: ObjectKey, entry: &DirEntry) -> Option<Listed> {
    let metadata = entry.metadata().ok()?;
    let modified_at = metadata.modified().ok().map(DateTime::<Utc>::from);
    Some(Listed {
        key,
        size_bytes: metadata.len(),
        modified_at,
    })
}

fn key_of(root: &Path, path: &Path) -> Option<ObjectKey> {
    let name = path.strip_prefix(root).ok()?.to_str()?;
    let is_temp = name.split('/').any(|part| part.starts_with(TEMP_PREFIX));
    if is_temp { None } else { ObjectKey::parse(name).ok() }
}
