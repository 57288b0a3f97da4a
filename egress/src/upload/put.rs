//! Putting, with patience for a store that is away for a moment.

use std::time::Duration;

use domain::{ObjectKey, manifest::Manifest};
use objects::{Body, ObjectError, Objects, Stored};
use tokio::time::sleep;

use crate::spool::SpooledFile;

/// What a recording is.
const AUDIO_TYPE: &str = "audio/ogg";

/// What its manifest is.
const MANIFEST_TYPE: &str = "application/json";

/// Pauses before the second and later tries of one put. The file stays in the spool when all have failed.
const PAUSES: [Duration; 4] = [
    Duration::from_millis(500),
    Duration::from_secs(2),
    Duration::from_secs(5),
    Duration::from_secs(10),
];

/// Where one recording goes.
#[derive(Clone, Debug)]
pub struct Destination {
    pub objects: Objects,
    pub key: ObjectKey,
    /// `S3` or `Local`, as LiveKit's worker names it in errors.
    pub store: &'static str,
}

/// A store that did not take it.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    #[error("the object store did not take {key}")]
    Store { key: ObjectKey, source: ObjectError },
    #[error("the manifest cannot be written as JSON")]
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
        tracing::warn!(error = &error as &dyn std::error::Error, %key, "the object store did not take it; trying again");
        sleep(pause).await;
    }
}
