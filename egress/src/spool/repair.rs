//! Reads the folder that a process left, and repairs what was torn.

use std::{
    fs::{self, File},
    io::{self, BufReader, Read},
    path::Path,
    time::SystemTime,
};

use chrono::{DateTime, Utc};
use domain::UnixNanos;
use media::{
    JournalEntry,
    ogg::{FileTail, RecoverError, recover},
};
use serde_json::Value;

use super::{
    VERSION,
    create::{AUDIO, CREDENTIALS, JOURNAL, REQUEST, STATE, open_file},
    open_folder::GrowingFile,
};

/// Longest file of JSON; a request has a few thousand bytes.
const MAX_JSON_BYTES: u64 = 1024 * 1024;

/// Longest journal that is read: a day has about 30 MB. What is beyond is cut.
const MAX_JOURNAL_BYTES: u64 = 256 * 1024 * 1024;

/// A folder whose files end where something whole ends.
pub(super) struct Repaired {
    pub(super) request: Value,
    pub(super) credentials: Option<Value>,
    pub(super) state: Option<Value>,
    pub(super) entries: Vec<JournalEntry>,
    pub(super) tail: Option<FileTail>,
    pub(super) audio: GrowingFile,
    pub(super) journal: GrowingFile,
}

/// Why a folder cannot be continued.
#[derive(Debug, thiserror::Error)]
pub(super) enum DamagedFolder {
    #[error("it has no {REQUEST}, as recordings of earlier versions; {AUDIO} can be played as it is")]
    NoRequest,
    #[error("{file} is damaged")]
    Json { file: &'static str },
    #[error("{file} has version {found}, and this program knows version {VERSION}")]
    Newer { file: &'static str, found: u64 },
    #[error("{file} is not a regular file")]
    NotAFile { file: &'static str },
    #[error("{AUDIO}: {0}")]
    Audio(RecoverError),
    #[error("{file} cannot be read: {error}")]
    Io { file: &'static str, error: io::Error },
}

impl DamagedFolder {
    /// What an operator can do.
    pub(super) fn remedy(&self, folder: &Path) -> String {
        match self {
            Self::Newer { .. } => "start the program that wrote it, or a newer one, and it is continued".to_owned(),
            Self::Io { error, .. } if error.kind() == io::ErrorKind::PermissionDenied => {
                format!(
                    "{}; it is continued at the next start",
                    super::error::remedy(error, folder)
                )
            }
            Self::Io { .. } => "once it can be read, it is continued at the next start".to_owned(),
            Self::NoRequest | Self::Json { .. } | Self::NotAFile { .. } | Self::Audio(_) => {
                format!("play or copy {AUDIO}, and remove the folder once it is not needed any more")
            }
        }
    }
}

/// Reads a folder, and cuts audio and journal after what is whole. A folder of a newer program is not touched.
pub(super) fn repair(folder: &Path) -> Result<Repaired, DamagedFolder> {
    let request = read_json(folder, REQUEST)?.ok_or(DamagedFolder::NoRequest)?;
    let credentials = read_json(folder, CREDENTIALS)?;
    let state = read_state(folder)?;
    let (tail, audio) = repair_audio(folder)?;
    let has_audio = tail.samples > 0;
    let (entries, journal) = repair_journal(folder, has_audio)?;
    Ok(Repaired {
        request,
        credentials,
        state,
        entries,
        tail: has_audio.then_some(tail),
        audio,
        journal,
    })
}

/// When a folder was created: when its request was written.
pub(super) fn created(folder: &Path) -> SystemTime {
    let modified = |path: &Path| fs::metadata(path).and_then(|metadata| metadata.modified());
    modified(&folder.join(REQUEST))
        .or_else(|_| modified(folder))
        .unwrap_or_else(|_| SystemTime::now())
}

fn read_json(folder: &Path, file: &'static str) -> Result<Option<Value>, DamagedFolder> {
    let path = folder.join(file);
    let metadata = match fs::symlink_metadata(&path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(DamagedFolder::Io { file, error }),
    };
    if !metadata.is_file() {
        return Err(DamagedFolder::NotAFile { file });
    }
    let bytes = read_up_to(&path, MAX_JSON_BYTES).map_err(|error| DamagedFolder::Io { file, error })?;
    let value: Value = serde_json::from_slice(&bytes).map_err(|_| DamagedFolder::Json { file })?;
    match value.get("version").and_then(Value::as_u64) {
        Some(found) if found > u64::from(VERSION) => Err(DamagedFolder::Newer { file, found }),
        _ => Ok(Some(value)),
    }
}

/// A damaged state is treated as none: the recording is then stored and reported again, which does no harm. One that
/// cannot be read is not damaged.
fn read_state(folder: &Path) -> Result<Option<Value>, DamagedFolder> {
    match read_json(folder, STATE) {
        Err(error @ (DamagedFolder::Json { .. } | DamagedFolder::NotAFile { .. })) => {
            tracing::warn!(
                "{}: {error}; the recording is continued from its audio",
                folder.display()
            );
            Ok(None)
        }
        outcome => outcome,
    }
}

fn repair_audio(folder: &Path) -> Result<(FileTail, GrowingFile), DamagedFolder> {
    let error = |error| DamagedFolder::Io { file: AUDIO, error };
    let file = open_regular(folder, AUDIO)?;
    let metadata = file.metadata().map_err(error)?;
    let mut tail = recover(BufReader::new(&file)).map_err(DamagedFolder::Audio)?;
    tail.modified = metadata
        .modified()
        .ok()
        .map(|time| UnixNanos::from_datetime(DateTime::<Utc>::from(time)));
    cut(&file, metadata.len(), tail.whole_bytes).map_err(error)?;
    let audio = GrowingFile::new(file, tail.valid_bytes, tail.whole_bytes);
    Ok((tail, audio))
}

/// The journal of a file without audio describes one that was lost, so it is emptied.
fn repair_journal(folder: &Path, has_audio: bool) -> Result<(Vec<JournalEntry>, GrowingFile), DamagedFolder> {
    let error = |error| DamagedFolder::Io { file: JOURNAL, error };
    let file = open_regular(folder, JOURNAL)?;
    let mut bytes = Vec::new();
    if has_audio {
        (&file).take(MAX_JOURNAL_BYTES).read_to_end(&mut bytes).map_err(error)?;
    }
    let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |last| last + 1);
    let length = file.metadata().map_err(error)?.len();
    cut(&file, length, whole as u64).map_err(error)?;
    let entries = entries(&bytes[..whole], folder);
    Ok((entries, GrowingFile::new(file, whole as u64, whole as u64)))
}

fn entries(bytes: &[u8], folder: &Path) -> Vec<JournalEntry> {
    let lines: Vec<_> = bytes
        .split(|&byte| byte == b'\n')
        .filter(|line| !line.is_empty())
        .collect();
    let entries: Vec<_> = lines
        .iter()
        .filter(|line| line.starts_with(b"{")) // serde reads arrays as structs, too
        .filter_map(|line| serde_json::from_slice(line).ok())
        .collect();
    let damaged = lines.len() - entries.len();
    if damaged > 0 {
        tracing::warn!(
            "{}: {damaged} entries of the journal are damaged and left out",
            folder.display()
        );
    }
    entries
}

/// Cuts a file, durably: what is appended next must not stand behind old bytes.
fn cut(file: &File, length: u64, whole: u64) -> io::Result<()> {
    if length == whole {
        return Ok(());
    }
    file.set_len(whole)?;
    file.sync_all()
}

fn open_regular(folder: &Path, file: &'static str) -> Result<File, DamagedFolder> {
    let path = folder.join(file);
    match fs::symlink_metadata(&path) {
        Ok(metadata) if !metadata.is_file() => Err(DamagedFolder::NotAFile { file }),
        _ => open_file(&path).map_err(|error| DamagedFolder::Io { file, error }),
    }
}

fn read_up_to(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(io::Error::other("the file is too long"));
    }
    Ok(bytes)
}
