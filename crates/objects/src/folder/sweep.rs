//! Deletes temporary files that interrupted writes left.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use super::path::TEMP_PREFIX;

/// Deletes the temporary files below `root` that were last written more than `older_than` ago, and returns how many.
/// Follows no links. A file that cannot be deleted is logged and left.
pub fn temporary_files(root: &Path, older_than: Duration) -> io::Result<usize> {
    let mut pending = vec![root.to_owned()];
    let mut deleted = 0;
    while let Some(folder) = pending.pop() {
        let entries = match fs::read_dir(&folder) {
            // Deleted in the meantime.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                pending.push(entry.path());
            } else if kind.is_file() && is_left_over(&entry, older_than) {
                deleted += usize::from(delete(entry.path()));
            }
        }
    }
    Ok(deleted)
}

fn is_left_over(entry: &fs::DirEntry, older_than: Duration) -> bool {
    let is_temporary = entry
        .file_name()
        .to_str()
        .is_some_and(|name| name.starts_with(TEMP_PREFIX));
    let modified = || entry.metadata().and_then(|metadata| metadata.modified());
    is_temporary && modified().is_ok_and(|modified| is_old(modified, older_than))
}

/// A time in the future, after a step of the clock, is not old.
fn is_old(modified: SystemTime, older_than: Duration) -> bool {
    modified.elapsed().is_ok_and(|age| age >= older_than)
}

fn delete(path: PathBuf) -> bool {
    match fs::remove_file(&path) {
        Ok(()) => true,
        Err(error) => {
            tracing::warn!(%error, "cannot delete the temporary file {}", path.display());
            false
        }
    }
}
