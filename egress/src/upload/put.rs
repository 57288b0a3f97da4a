//! Puts objects, and repeats the attempt while the store is temporarily unavailable.

use std::time::Duration;

use domain::{ObjectKey, manifest::Manifest};
use objects::{Body, ObjectError, Objects, Stored};
use tokio::time::sleep;

use crate::spool::SpooledFile;

/// The content type of a recording.
const AUDIO_TYPE: &str = "audio/ogg";

/// The content type of its manifest.
const MANIFEST_TYPE: &str = "application/json";

/// Pauses before the second and later attempts of one put. If all of them fail, the file stays in the spool.
const PAUSES: [Duration; 4] = [
    Duration::from_millis(500),
    Duration::from_secs(2),
    Duration::from_secs(5),
    Duration::from_secs(10),
];

/// The store and key of one recording.
#[derive(Clone, Debug)]
pub struct Destination {
    pub objects: Objects,
    pub key: ObjectKey,
    /// `S3` or `Local`, as LiveKit's worker calls it in errors.
    pub store: &'static str,
}

/// Why an object was not stored.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    #[error("cannot store {key}")]
    Store { key: ObjectKey, source: ObjectError },
    #[error("cannot serialize the manifest")]
    Manifest(#[from] serde_json::Error),
}

pub async fn put_file(to: &Destination, file: &SpooledFile) -> Result<Stored, UploadError> {
    put(to, &to.key, Body::File(file.path.clone()), AUDIO_TYPE).await
}

pub async fn put_manifest(to: &Destination, manifest: &Manifest) -> Result<Stored, UploadError> {
    let json = manifest.to_json()?;
    put(to, &to.key.manifest(), Body::from(json), MANIFEST_TYPE).await
}

async fn put(to: &Destination, key: &ObjectKey, body: Body, content_type: &str) -> Result<Stored, UploadError> {
    let mut pauses = PAUSES.into_iter();
    loop {
        let error = match to.objects.put(key, body.clone(), content_type).await {
            Ok(stored) => return Ok(stored),
            Err(error) => error,
        };
        let Some(pause) = pauses.next().filter(|_| error.is_transient()) else {
            return Err(UploadError::Store {
                key: key.clone(),
                source: error,
            });
        };
        tracing::warn!(error = &error as &dyn std::error::Error, %key, "cannot store an object; trying again");
        sleep(pause).await;
    }
}
