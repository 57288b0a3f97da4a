//! Stores an object, in one request or in parts, with digests that the store verifies.

use std::{path::Path, sync::atomic::Ordering};

use aws_sdk_s3::Client;
use domain::ObjectKey;

use super::{
    DIGEST_METADATA, S3,
    multipart::{self, PART_BYTES, byte_stream},
};
use crate::{Body, ObjectError, ObjectInfo, Put, digest::Sha256Digest};

/// An object to be uploaded.
pub struct Upload<'a> {
    pub key: &'a ObjectKey,
    pub body: &'a Body,
    pub size_bytes: u64,
    pub sha256: Sha256Digest,
    pub content_type: &'a str,
    pub ledger: Option<&'a Path>,
    /// Whether requests carry checksums. Some stores refuse those of multipart uploads.
    pub checked: bool,
}

impl Upload<'_> {
    /// Whether a stored object is this one.
    pub fn is_same(&self, info: &ObjectInfo) -> bool {
        info.size_bytes == self.size_bytes && info.sha256 == Some(self.sha256.to_hex())
    }
}

/// Stores the object and returns its size in bytes.
pub async fn put(store: &S3, put: &Put<'_>) -> Result<u64, ObjectError> {
    let client = store.clients.store();
    let size_bytes = put.body.size_bytes().await?;
    let sha256 = put.body.sha256(0..size_bytes).await?;
    put.expect_digest(sha256)?;
    let mut upload = Upload {
        key: put.key,
        body: &put.body,
        size_bytes,
        sha256,
        content_type: put.content_type,
        ledger: put.ledger,
        checked: store.takes_checksums.load(Ordering::Relaxed),
    };
    multipart::abort_earlier(store, &client, &upload).await;
    let mut outcome = upload_once(store, &client, &upload).await;
    if upload.checked && matches!(outcome, Err(ObjectError::NotImplemented { .. })) {
        upload.checked = false;
        outcome = upload_once(store, &client, &upload).await;
        if outcome.is_ok() {
            store.takes_checksums.store(false, Ordering::Relaxed);
            tracing::warn!(
                store = store.base,
                "the object store does not verify SHA-256 checksums of uploads"
            );
        }
    }
    outcome.map(|()| size_bytes)
}

async fn upload_once(store: &S3, client: &Client, upload: &Upload<'_>) -> Result<(), ObjectError> {
    if upload.size_bytes > PART_BYTES {
        multipart::put(store, client, upload).await
    } else {
        put_whole(store, client, upload).await
    }
}

async fn put_whole(store: &S3, client: &Client, upload: &Upload<'_>) -> Result<(), ObjectError> {
    let operation = store.operation("store an object", Some(upload.key));
    let body = byte_stream(upload.body, 0, upload.size_bytes).await?;
    let request = client.put_object().bucket(&store.bucket).key(upload.key.as_str());
    let request = request.content_type(upload.content_type).body(body);
    let request = request.metadata(DIGEST_METADATA, upload.sha256.to_hex());
    let request = request.set_checksum_sha256(upload.checked.then(|| upload.sha256.to_base64()));
    request.send().await.map_err(|e| operation.error(e))?;
    Ok(())
}
