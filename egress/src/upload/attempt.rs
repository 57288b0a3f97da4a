//! One attempt to store a recording. Harmless to repeat: what is already in the store is not uploaded again.

use std::{path::PathBuf, time::Duration};

use domain::ObjectKey;
use objects::{Body, ObjectError, ObjectStore, OpenError, Put, Stored};
use sha2::{Digest, Sha256};
use tokio::time::timeout;

use super::uploader::{StoredObjects, Upload};

/// The content type of a recording.
const AUDIO_TYPE: &str = "audio/ogg";

/// The content type of its manifest.
const MANIFEST_TYPE: &str = "application/json";

/// How long a store may take to look up an object, with the retries of its client. An attempt begins with this, so that
/// it does not wait long for a store that does not answer.
const HEAD_TIMEOUT: Duration = Duration::from_secs(60);

/// A folder reads an object to look it up.
const SLOWEST_DISK_BYTES_PER_SECOND: u64 = 10_000_000;

/// The extension of the file beside the audio that remembers unfinished multipart uploads. It is removed with them.
const LEDGER_EXTENSION: &str = "uploads";

/// Why an attempt failed.
#[derive(Debug, thiserror::Error)]
pub enum AttemptError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Store(#[from] ObjectError),
    #[error("the store did not answer within {} s", .0.as_secs())]
    Silent(Duration),
    /// The store accepted the object and now has another one, or none.
    #[error("the store does not have what was stored as {key}")]
    NotKept { key: ObjectKey },
}

/// An object to be stored.
struct Wanted<'a> {
    key: &'a ObjectKey,
    body: Body,
    content_type: &'static str,
    size_bytes: u64,
    sha256: String,
    /// Remembers what an interrupted attempt leaves in the store.
    ledger: Option<PathBuf>,
}

/// Stores and verifies the audio, then the manifest, so that a manifest in the store always has its audio.
pub async fn attempt(objects: &dyn ObjectStore, upload: &Upload) -> Result<StoredObjects, AttemptError> {
    let audio = Wanted {
        key: &upload.key,
        body: Body::File(upload.audio.path.clone()),
        content_type: AUDIO_TYPE,
        size_bytes: upload.audio.size_bytes,
        sha256: upload.audio.sha256.clone(),
        ledger: Some(upload.audio.path.with_extension(LEDGER_EXTENSION)),
    };
    let location = |key| upload.store.location(key);
    let audio = audio.ensure(objects, location(&upload.key)).await?;
    let Some(json) = &upload.manifest else {
        return Ok(StoredObjects { audio, manifest: None });
    };
    let key = upload.key.manifest();
    let manifest = Wanted {
        key: &key,
        body: Body::from(json.clone()),
        content_type: MANIFEST_TYPE,
        size_bytes: json.len() as u64,
        sha256: hex::encode(Sha256::digest(json)),
        ledger: None,
    };
    let manifest = manifest.ensure(objects, location(&key)).await?;
    Ok(StoredObjects {
        audio,
        manifest: Some(manifest),
    })
}

impl Wanted<'_> {
    /// Stores the object unless the store has it already, and verifies it.
    async fn ensure(&self, objects: &dyn ObjectStore, location: String) -> Result<Stored, AttemptError> {
        if !self.is_in(objects).await? {
            self.put(objects).await?;
            if !self.is_in(objects).await? {
                return Err(AttemptError::NotKept { key: self.key.clone() });
            }
        }
        Ok(Stored {
            location,
            size_bytes: self.size_bytes,
        })
    }

    async fn put(&self, objects: &dyn ObjectStore) -> Result<(), ObjectError> {
        let put = Put {
            key: self.key,
            body: self.body.clone(),
            content_type: self.content_type,
            sha256: Some(&self.sha256),
            ledger: self.ledger.as_deref(),
        };
        objects.put_object(put).await.map(drop)
    }

    /// Whether the store has the object. If the store does not know its digest, the object is read.
    async fn is_in(&self, objects: &dyn ObjectStore) -> Result<bool, AttemptError> {
        let limit = HEAD_TIMEOUT + Duration::from_secs(self.size_bytes / SLOWEST_DISK_BYTES_PER_SECOND);
        let head = timeout(limit, objects.head(self.key)).await;
        let found = head.map_err(|_| AttemptError::Silent(limit))??;
        let Some(info) = found.filter(|info| info.size_bytes == self.size_bytes) else {
            return Ok(false);
        };
        let sha256 = match info.sha256 {
            Some(sha256) => sha256,
            None => objects::digest::read(objects, self.key).await?,
        };
        Ok(sha256 == self.sha256)
    }
}
