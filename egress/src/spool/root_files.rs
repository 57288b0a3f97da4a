//! The root of the spool: its lock, its name, and what creating and removing folders left behind.

use std::{
    collections::BTreeMap,
    fs::{self, File, Permissions},
    io,
    os::unix::fs::PermissionsExt,
    path::Path,
    time::SystemTime,
};

use rustix::fs::{FlockOperation, flock};

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

/// Creates the root if it does not exist, and locks it for as long as the file is open.
pub(super) fn lock(root: &Path) -> Result<File, SpoolError> {
    let prepare = || {
        fs::create_dir_all(root)?;
        fs::set_permissions(root, Permissions::from_mode(FOLDER_MODE))?;
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

/// Returns the name of this spool. It is made at the first start.
pub(super) fn instance(root: &Path) -> io::Result<String> {
    let path = root.join(INSTANCE);
    if let Ok(name) = fs::read_to_string(&path)
        && is_instance(name.trim())
    {
        return Ok(name.trim().to_owned());
    }
    let name = format!("{:08x}", rand::random::<u32>());
    let temporary = root.join(format!("{NEW}instance"));
    let _left_by_a_killed_process = fs::remove_file(&temporary);
    write_new(&temporary, name.as_bytes())?;
    fs::rename(&temporary, &path)?;
    sync_folder(root)?;
    Ok(name)
}

fn is_instance(name: &str) -> bool {
    (1..=MAX_INSTANCE).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Removes what a killed process was creating or removing.
pub(super) fn sweep(root: &Path) -> io::Result<()> {
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        let name = entry.file_name();
        let is_left = [NEW, REMOVED]
            .iter()
            .any(|prefix| name.as_encoded_bytes().starts_with(prefix.as_bytes()));
        if is_left && entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
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
