//! The folder of one egress.

use std::{fs, io, path::PathBuf, sync::Arc};

use bytes::Bytes;
use serde::Serialize;
use sha2::{Digest, Sha256};
use tokio::{
    sync::{Mutex, oneshot},
    task::spawn_blocking,
};

use super::{
    SpooledFile,
    create::{replace_state, sync_folder},
    open_folder::{Item, Reply, Target},
    root_files,
    shared::Shared,
    writer::{Command, FolderKey},
};

/// The folder of one egress. Clones share it; when the last is dropped, the folder is closed and can be found by
/// `Spool::closed`. All calls take effect in their order.
#[derive(Clone, Debug)]
pub struct EgressFolder {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    shared: Arc<Shared>,
    key: FolderKey,
    name: String,
    /// Two states are not written at once.
    state: Mutex<()>,
}

impl EgressFolder {
    pub(super) fn new(shared: Arc<Shared>, key: FolderKey, name: String) -> Self {
        let state = Mutex::default();
        Self {
            inner: Arc::new(Inner {
                shared,
                key,
                name,
                state,
            }),
        }
    }

    /// Appends a page to the audio. Never blocks or fails: what cannot be written stays in memory and is tried again.
    pub fn append(&self, page: Bytes) {
        self.write(Target::Audio, page);
    }

    /// Appends a line to the journal, as [`append`](Self::append) does.
    pub fn log(&self, entry: &impl Serialize) {
        match serde_json::to_vec(entry) {
            Ok(mut line) => {
                line.push(b'\n');
                self.write(Target::Journal, line.into());
            }
            Err(error) => tracing::error!(%error, "an entry of a recording's journal cannot be written as JSON"),
        }
    }

    /// Whether so much waits in memory that packets should be dropped and noted by `TrackRecorder::note_hole`.
    pub fn is_backlogged(&self) -> bool {
        self.inner.shared.is_backlogged()
    }

    /// Waits until everything queued before is on stable storage. On an error it stays queued, and is tried again.
    pub async fn flush(&self) -> io::Result<()> {
        self.ask(Item::Flush).await
    }

    /// Replaces the state, after everything queued before is on stable storage. On an error the old state stays.
    pub async fn save_state(&self, state: &impl Serialize) -> io::Result<()> {
        let json = serde_json::to_vec(state)?;
        let _one_at_a_time = self.inner.state.lock().await;
        self.flush().await?;
        let path = self.inner.path();
        spawn_blocking(move || replace_state(&path, &json)).await?
    }

    /// Returns the audio file once all of it is on stable storage; waits while the disk is full. May be called again.
    pub async fn finish(&self) -> io::Result<SpooledFile> {
        let finished = self.ask(Item::Finish).await?;
        let digest = match finished.sha256 {
            Some(digest) => digest,
            None => digest_of(finished.path.clone()).await?,
        };
        Ok(SpooledFile {
            path: finished.path,
            size_bytes: finished.size_bytes,
            sha256: hex::encode(digest.finalize()),
        })
    }

    /// Removes the folder with everything in it.
    pub async fn remove(self) -> io::Result<()> {
        let (reply, forgotten) = oneshot::channel();
        self.inner.shared.send(Command::Forget(self.inner.key, reply));
        answer(forgotten).await?;
        let inner = Arc::clone(&self.inner);
        spawn_blocking(move || inner.remove()).await?
    }

    fn write(&self, target: Target, bytes: Bytes) {
        self.inner.shared.gauges.queued(bytes.len());
        self.inner.queue(Item::Write(target, bytes));
    }

    async fn ask<T>(&self, item: impl FnOnce(Reply<T>) -> Item) -> io::Result<T> {
        let (reply, outcome) = oneshot::channel();
        self.inner.queue(item(reply));
        answer(outcome).await
    }
}

impl Inner {
    fn path(&self) -> PathBuf {
        self.shared.root().join(&self.name)
    }

    fn queue(&self, item: Item) {
        self.shared.send(Command::Queue(self.key, item));
    }

    /// A killed process must not leave a folder without its request, so the folder disappears before its files do.
    fn remove(&self) -> io::Result<()> {
        let root = self.shared.root();
        let removed = root.join(format!("{}{}", root_files::REMOVED, self.name));
        fs::rename(self.path(), &removed)?;
        self.shared.removed(self.key, &self.name);
        fs::remove_dir_all(&removed)?;
        sync_folder(root)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.queue(Item::Close);
    }
}

pub(super) async fn answer<T>(outcome: oneshot::Receiver<io::Result<T>>) -> io::Result<T> {
    outcome
        .await
        .unwrap_or_else(|_| Err(io::Error::other("the spool has stopped")))
}

async fn digest_of(path: PathBuf) -> io::Result<Sha256> {
    let digest = move || {
        let mut digest = Sha256::new();
        io::copy(&mut fs::File::open(path)?, &mut digest)?;
        Ok(digest)
    };
    spawn_blocking(digest).await?
}
