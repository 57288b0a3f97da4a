//! One attempt to store a recording. Harmless to repeat: what is already in the store is not uploaded again.

use domain::ObjectKey;
use objects::{Body, ObjectError, ObjectInfo, ObjectStore, OpenError, Stored};
use sha2::{Digest, Sha256};

use super::uploader::{StoredObjects, Upload};

/// The content type of a recording.
const AUDIO_TYPE: &str = "audio/ogg";

/// The content type of its manifest.
const MANIFEST_TYPE: &str = "application/json";

/// Why an attempt failed.
#[derive(Debug, thiserror::Error)]
pub enum AttemptError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Store(#[from] ObjectError),
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
}

/// Stores and verifies the audio, then the manifest, so that a manifest in the store always has its audio.
pub async fn attempt(objects: &dyn ObjectStore, upload: &Upload) -> Result<StoredObjects, AttemptError> {
    let audio = Wanted {
        key: &upload.key,
        body: Body::File(upload.audio.path.clone()),
        content_type: AUDIO_TYPE,
        size_bytes: upload.audio.size_bytes,
        sha256: upload.audio.sha256.clone(),
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
        sha256: hex(&Sha256::digest(json)),
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
            objects.put(self.key, self.body.clone(), self.content_type).await?;
            if !self.is_in(objects).await? {
                return Err(AttemptError::NotKept { key: self.key.clone() });
            }
        }
        Ok(Stored {
            location,
            size_bytes: self.size_bytes,
        })
    }

    async fn is_in(&self, objects: &dyn ObjectStore) -> Result<bool, ObjectError> {
        Ok(objects.head(self.key).await?.is_some_and(|info| self.is_same(&info)))
    }

    fn is_same(&self, info: &ObjectInfo) -> bool {
        info.size_bytes == self.size_bytes && info.sha256.as_ref().is_none_or(|sha256| *sha256 == self.sha256)
    }
}

fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
