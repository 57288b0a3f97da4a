//! Creates folders and files that only this user may read, durably.

use std::{
    fs::{self, DirBuilder, File},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
};

use super::root_files;

/// Only the worker's user may read recordings, requests and credentials.
const FILE_MODE: u32 = 0o600;
const FOLDER_MODE: u32 = 0o700;

pub(super) const REQUEST: &str = "request.json";
pub(super) const CREDENTIALS: &str = "credentials.json";
pub(super) const AUDIO: &str = "recording.ogg";
pub(super) const JOURNAL: &str = "journal.ndjson";
pub(super) const STATE: &str = "state.json";
const NEW_STATE: &str = "state.json.new";

/// Creates the folder `root/name` with its files. It appears under its name only when it is complete and on stable storage.
pub(super) fn create_folder(root: &Path, name: &str, request: &[u8], credentials: Option<&[u8]>) -> io::Result<()> {
    let path = root.join(name);
    if fs::symlink_metadata(&path).is_ok() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    let temporary = root.join(format!("{}{name}", root_files::NEW));
    create_private_folder(&temporary)?;
    let filled = fill(&temporary, request, credentials).and_then(|()| fs::rename(&temporary, &path));
    if let Err(error) = filled {
        let _swept_at_the_next_start = fs::remove_dir_all(&temporary);
        return Err(error);
    }
    sync_folder(root)
}

/// Replaces the state. The old one stays if this fails.
pub(super) fn replace_state(folder: &Path, state: &[u8]) -> io::Result<()> {
    let temporary = folder.join(NEW_STATE);
    let _left_by_a_killed_process = fs::remove_file(&temporary);
    write_new(&temporary, state)?;
    fs::rename(&temporary, folder.join(STATE))?;
    sync_folder(folder)
}

pub(super) fn create_private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(FOLDER_MODE).create(path)
}

/// Opens a file for reading and writing, and creates it if it does not exist.
pub(super) fn open_file(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(FILE_MODE)
        .open(path)
}

pub(super) fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::options()
        .write(true)
        .create_new(true)
        .mode(FILE_MODE)
        .open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

fn fill(folder: &Path, request: &[u8], credentials: Option<&[u8]>) -> io::Result<()> {
    write_new(&folder.join(REQUEST), request)?;
    if let Some(credentials) = credentials {
        write_new(&folder.join(CREDENTIALS), credentials)?;
    }
    open_file(&folder.join(AUDIO))?;
    open_file(&folder.join(JOURNAL))?;
    sync_folder(folder)
}
