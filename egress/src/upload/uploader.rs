//! The uploader, shared by all sessions.

use std::{
    convert::Infallible,
    sync::Arc,
    time::{Duration, Instant},
};

use domain::ObjectKey;
use objects::{StoreConfig, Stored};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

pub use super::backlog::Backlog;
use super::{
    attempt::{AttemptError, attempt},
    backlog::Waiting,
    stores::{Store, Stores},
};
use crate::{metrics, spool::SpooledFile};

/// How often the age of the oldest waiting recording is measured while it waits.
const PUBLISH_INTERVAL: Duration = Duration::from_secs(10);

/// A recording to be stored.
#[derive(Clone, Debug)]
pub struct Upload {
    pub store: StoreConfig,
    /// The key of the audio. The manifest's is derived from it.
    pub key: ObjectKey,
    pub audio: SpooledFile,
    /// The manifest as JSON; `None` if none is wanted.
    pub manifest: Option<String>,
}

/// Where the objects of a recording are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredObjects {
    pub audio: Stored,
    pub manifest: Option<Stored>,
}

/// Stores recordings: a bounded number at the same time, each until it succeeds.
#[derive(Clone, Debug, Default)]
pub struct Uploader {
    stores: Stores,
    waiting: Waiting,
}

impl Uploader {
    /// An uploader without uploads.
    pub fn new() -> Self {
        Self::default()
    }

    /// Stores the audio and then the manifest, and verifies both. Tries without end: whatever prevents it may pass.
    /// Returns `None` only if `cancel` is cancelled; the next call then continues where this one stopped.
    pub async fn store(&self, upload: Upload, cancel: &CancellationToken) -> Option<StoredObjects> {
        let _waiting = self.waiting.add(upload.audio.size_bytes);
        let stored = async {
            tokio::select! {
                stored = self.until_stored(&upload) => stored,
                never = self.publish() => match never {},
            }
        };
        cancel.run_until_cancelled(stored).await
    }

    /// What is not stored yet.
    pub fn backlog(&self) -> Backlog {
        self.waiting.backlog()
    }

    /// Keeps the age of the backlog in the metrics.
    async fn publish(&self) -> Infallible {
        loop {
            sleep(PUBLISH_INTERVAL).await;
            self.waiting.publish();
        }
    }

    async fn until_stored(&self, upload: &Upload) -> StoredObjects {
        let store = self.stores.get(&upload.store);
        let mut failures = 0;
        loop {
            match attempt_in(&store, upload).await {
                Ok(stored) => return stored,
                Err(error) => {
                    failures += 1;
                    store.failed(&upload.key, &error);
                }
            }
            store.pause(failures).await;
        }
    }
}

/// Makes one attempt once the store has room for it.
async fn attempt_in(store: &Arc<Store>, upload: &Upload) -> Result<StoredObjects, AttemptError> {
    let _turn = store.turn().await;
    let began = Instant::now();
    let outcome = match store.objects() {
        Ok(objects) => attempt(objects.as_ref(), upload).await,
        Err(error) => Err(error.into()),
    };
    metrics::upload(outcome.as_ref().map(drop).map_err(drop), began.elapsed());
    if outcome.is_ok() {
        store.succeeded();
    }
    outcome
}

#[cfg(test)]
mod tests {
    use objects::FolderConfig;

    use super::*;

    fn upload(folder: &std::path::Path) -> Upload {
        let path = folder.join("recording.ogg");
        std::fs::write(&path, b"abc").unwrap();
        Upload {
            store: StoreConfig::Folder(FolderConfig {
                root: folder.join("objects"),
            }),
            key: ObjectKey::parse("r/a.ogg").unwrap(),
            audio: SpooledFile {
                path,
                size_bytes: 3,
                sha256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad".into(),
            },
            manifest: Some("{}".into()),
        }
    }

    #[tokio::test]
    async fn audio_and_manifest_are_stored() {
        let folder = tempfile::tempdir().unwrap();
        let uploader = Uploader::new();

        let stored = uploader.store(upload(folder.path()), &CancellationToken::new()).await;

        let stored = stored.unwrap();
        assert!(stored.audio.location.ends_with("/objects/r/a.ogg"), "{stored:?}");
        assert_eq!((stored.audio.size_bytes, stored.manifest.unwrap().size_bytes), (3, 2));
        assert_eq!(std::fs::read(folder.path().join("objects/r/a.ogg")).unwrap(), b"abc");
        assert_eq!(std::fs::read(folder.path().join("objects/r/a.json")).unwrap(), b"{}");
        assert_eq!(uploader.backlog(), Backlog::default());
    }

    #[tokio::test]
    async fn a_cancelled_upload_ends_without_a_result() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("objects"), "a file").unwrap();
        let cancel = CancellationToken::new();
        cancel.cancel();

        let stored = Uploader::new().store(upload(folder.path()), &cancel).await;

        assert_eq!(stored, None);
    }
}
