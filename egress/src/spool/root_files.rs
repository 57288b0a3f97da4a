//! The root of the spool: its lock, its name, and what creating and removing folders left behind.

use std::{
    collections::BTreeMap,
    fs::{self, File, Permissions},
    io,
    os::unix::fs::PermissionsExt,
    path::Path,
    time::SystemTime,
};

use rustix::fs::{Access, FlockOperation, flock};

use super::{
    SpoolError,
    create::{open_file, sync_folder, write_new},
    repair,
};

const FOLDER_MODE: u32 = 0o700;
const LOCK: &str = ".lock";
const INSTANCE: &str = ".instance";

/// Folders that are being created or removed have names that start like this; no egress id does.
pub(super) const NEW: &str = ".new-";
pub(super) const REMOVED: &str = ".removed-";

/// Longest instance name that is taken from the file.
const MAX_INSTANCE: usize = 32;

/// Creates the root if it does not exist, and locks it for as long as the file is open. A link is followed.
pub(super) fn lock(root: &Path) -> Result<File, SpoolError> {
    let prepare = || {
        fs::create_dir_all(root)?;
        fs::set_permissions(root, Permissions::from_mode(FOLDER_MODE))?;
        check_writable(root)?;
        open_file(&root.join(LOCK))
    };
    let file = prepare().map_err(|source| SpoolError::unusable(root, source))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(SpoolError::InUse {
            path: root.display().to_string(),
        }),
        Err(error) => Err(SpoolError::unusable(root, error.into())),
    }
}

/// An existing lock can be opened on a file system that is mounted read-only, and changing nothing succeeds there.
fn check_writable(root: &Path) -> io::Result<()> {
    Ok(rustix::fs::access(
        root,
        Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK,
    )?)
}

/// Returns the name of this spool. It is made at the first start. While it cannot be saved, it lasts until the next one.
pub(super) fn instance(root: &Path) -> String {
    let path = root.join(INSTANCE);
    if let Ok(name) = fs::read_to_string(&path)
        && is_instance(name.trim())
    {
        return name.trim().to_owned();
    }
    let name = format!("{:08x}", rand::random::<u32>());
    match save_instance(root, &name) {
        Ok(()) => tracing::info!(
            "created the spool in {}; if it should hold recordings of an earlier process, check that its volume is mounted",
            root.display()
        ),
        Err(error) => tracing::warn!("cannot save the name of the spool in {}: {error}", path.display()),
    }
    name
}

fn save_instance(root: &Path, name: &str) -> io::Result<()> {
    let temporary = root.join(format!("{NEW}instance"));
    let _left_by_a_killed_process = fs::remove_file(&temporary);
    write_new(&temporary, name.as_bytes())?;
    fs::rename(&temporary, root.join(INSTANCE))?;
    sync_folder(root)
}

fn is_instance(name: &str) -> bool {
    (1..=MAX_INSTANCE).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Removes what a killed process was creating or removing. What cannot be removed is in nobody's way.
pub(super) fn sweep(root: &Path) -> io::Result<()> {
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        let name = entry.file_name();
        let is_left = [NEW, REMOVED]
            .iter()
            .any(|prefix| name.as_encoded_bytes().starts_with(prefix.as_bytes()));
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_left
            && is_folder
            && let Err(error) = fs::remove_dir_all(entry.path())
        {
            tracing::warn!("cannot remove {}: {error}", entry.path().display());
        }
    }
    Ok(())
}

/// Lists the folders of egresses with the times of their creation.
pub(super) fn folders(root: &Path) -> io::Result<BTreeMap<String, SystemTime>> {
    let mut folders = BTreeMap::new();
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        if let Ok(name) = entry.file_name().into_string()
            && !name.starts_with('.')
            && entry.file_type()?.is_dir()
        {
            folders.insert(name, repair::created(&entry.path()));
        }
    }
    Ok(folders)
}
