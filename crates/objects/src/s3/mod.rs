//! A store with the S3 protocol: Amazon S3, Garage, MinIO and others.

mod client;
mod clients;
mod content_range;
mod credentials;
mod error;
mod head;
mod ledger;
mod multipart;
mod put;

use std::{
    fmt, io,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use async_trait::async_trait;
use aws_sdk_s3::{operation::get_object::GetObjectOutput, presigning::PresigningConfig};
use chrono::{DateTime, Utc};
use domain::ObjectKey;
use futures::StreamExt;
use tokio_util::io::ReaderStream;
use url::Url;

use self::{clients::Clients, error::Operation};
use crate::{ByteRange, Listed, Object, ObjectError, ObjectInfo, ObjectStore, OpenError, Put, S3Config, Stored};

/// Content type of objects without one.
const UNKNOWN_TYPE: &str = "application/octet-stream";

/// Metadata with the SHA-256 digest of an object, as lower-case hex: the header `x-amz-meta-sha256`.
const DIGEST_METADATA: &str = "sha256";

/// Size of the chunks of a streamed object, in bytes.
const CHUNK_BYTES: usize = 64 * 1024;

/// A bucket in an S3 store.
pub struct S3 {
    clients: Arc<Clients>,
    bucket: String,
    /// URL prefix of all objects, without a trailing slash.
    base: String,
    /// Whether the store has not refused checksums.
    takes_checksums: AtomicBool,
}

impl S3 {
    /// Builds the clients. Sends no request.
    pub fn open(config: &S3Config) -> Result<Self, OpenError> {
        Ok(Self {
            clients: Arc::new(Clients::build(config)?),
            bucket: config.bucket.clone(),
            base: config.base_url(),
            takes_checksums: AtomicBool::new(true),
        })
    }

    /// Reads the credentials again if the store has denied them, so that the next call can succeed.
    async fn checked<T>(&self, outcome: Result<T, ObjectError>) -> Result<T, ObjectError> {
        if let Err(ObjectError::Denied { .. }) = &outcome {
            self.clients.renew().await;
        }
        outcome
    }

    fn operation<'a>(&'a self, action: &'static str, key: Option<&'a ObjectKey>) -> Operation<'a> {
        Operation {
            action,
            bucket: &self.bucket,
            key,
        }
    }

    /// Returns the error for an invalid response of the store.
    fn invalid_response(&self, action: &'static str, what: &'static str) -> ObjectError {
        ObjectError::Failed {
            action,
            source: what.into(),
        }
    }

    fn object(
        &self,
        key: &ObjectKey,
        range: Option<ByteRange>,
        answer: GetObjectOutput,
    ) -> Result<Object, ObjectError> {
        let length = answer
            .content_length
            .and_then(|n| u64::try_from(n).ok())
            .unwrap_or_default();
        let (start, total_bytes) = content_range::served_range(answer.content_range.as_deref(), range, length)
            .ok_or_else(|| {
                self.invalid_response("read an object", "the store returned a different range than requested")
            })?;
        let stream = ReaderStream::with_capacity(answer.body.into_async_read(), CHUNK_BYTES)
            .map(|chunk| chunk.map_err(|e: io::Error| ObjectError::Unavailable(e.into())))
            .boxed();
        let content_type = answer.content_type.unwrap_or_else(|| UNKNOWN_TYPE.to_owned());
        Ok(Object {
            key: key.clone(),
            stream,
            total_bytes,
            range: start..start + length,
            content_type,
        })
    }
}

#[async_trait]
impl ObjectStore for S3 {
    async fn put_object(&self, put: Put<'_>) -> Result<Stored, ObjectError> {
        let size_bytes = self.checked(put::put(self, &put).await).await?;
        Ok(Stored {
            location: format!("{}/{}", self.base, put.key),
            size_bytes,
        })
    }

    async fn get(&self, key: &ObjectKey, range: Option<ByteRange>) -> Result<Object, ObjectError> {
        let operation = self.operation("read an object", Some(key));
        let request = self.clients.store().get_object().bucket(&self.bucket).key(key.as_str());
        let request = request.set_range(range.map(ByteRange::to_header));
        let answer = request.send().await.map_err(|e| operation.error(e));
        match self.checked(answer).await {
            Ok(answer) => self.object(key, range, answer),
            // Some stores do not include the size in a 416 response.
            Err(ObjectError::OutOfRange { key, total_bytes: 0 }) => {
                let total_bytes = self.head(&key).await?.map_or(0, |info| info.size_bytes);
                Err(ObjectError::OutOfRange { key, total_bytes })
            }
            Err(error) => Err(error),
        }
    }

    async fn head(&self, key: &ObjectKey) -> Result<Option<ObjectInfo>, ObjectError> {
        let client = self.clients.store();
        self.checked(self.head_with(&client, key).await).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Listed>, ObjectError> {
        let operation = self.operation("list objects", None);
        let request = self.clients.store().list_objects_v2().bucket(&self.bucket);
        let mut pages = request.prefix(prefix).into_paginator().send();
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            let page = self.checked(page.map_err(|e| operation.error(e))).await?;
            found.extend(page.contents.unwrap_or_default().into_iter().filter_map(listed));
        }
        Ok(found)
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), ObjectError> {
        let operation = self.operation("delete an object", Some(key));
        let request = self.clients.store().delete_object().bucket(&self.bucket);
        let answer = request.key(key.as_str()).send().await.map_err(|e| operation.error(e));
        match self.checked(answer).await {
            Ok(_) | Err(ObjectError::NotFound(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn presign_get(&self, key: &ObjectKey, ttl: Duration) -> Result<Option<Url>, ObjectError> {
        let Some(public) = self.clients.public().await else {
            return Ok(None);
        };
        let action = "sign a URL";
        let operation = self.operation(action, Some(key));
        let failed = |source| ObjectError::Failed { action, source };
        let plan = PresigningConfig::expires_in(ttl).map_err(|e| failed(e.into()))?;
        let request = public.get_object().bucket(&self.bucket).key(key.as_str());
        let signed = request.presigned(plan).await.map_err(|e| operation.error(e))?;
        Url::parse(signed.uri()).map(Some).map_err(|e| failed(e.into()))
    }

    fn describe(&self) -> String {
        format!("S3 bucket {}", self.base)
    }
}

impl fmt::Debug for S3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3").field("base", &self.base).finish_non_exhaustive()
    }
}

/// Returns `None` for names that are not valid keys, such as the folder markers that some tools create.
fn listed(object: aws_sdk_s3::types::Object) -> Option<Listed> {
    let key = ObjectKey::parse(object.key?).ok()?;
    let size_bytes = object.size.and_then(|n| u64::try_from(n).ok()).unwrap_or_default();
    Some(Listed {
        key,
        size_bytes,
        modified_at: object.last_modified.and_then(to_utc),
    })
}

fn to_utc(time: aws_sdk_s3::primitives::DateTime) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(time.secs(), time.subsec_nanos())
}
