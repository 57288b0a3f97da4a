//! The trait of object stores, and the types that it returns.

use std::{fmt, ops::Range, path::Path, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use chrono::{DateTime, Utc};
use domain::ObjectKey;
use futures::{StreamExt, stream::BoxStream};
use url::Url;

use crate::{Body, ByteRange, ObjectError, digest::Sha256Digest};

/// A store, shared by all users in a process.
pub type Objects = Arc<dyn ObjectStore>;

/// An object store. Writes are atomic and replace an existing object; a completed write is visible to all later reads.
#[async_trait]
pub trait ObjectStore: fmt::Debug + Send + Sync {
    /// Stores an object durably, replacing an existing one. Its SHA-256 digest is stored with it.
    async fn put_object(&self, put: Put<'_>) -> Result<Stored, ObjectError>;

    /// Stores `body` as `put_object` does.
    async fn put(&self, key: &ObjectKey, body: Body, content_type: &str) -> Result<Stored, ObjectError> {
        let put = Put {
            key,
            body,
            content_type,
            sha256: None,
            ledger: None,
        };
        self.put_object(put).await
    }

    /// Returns the object, or the given range of it, as a stream.
    async fn get(&self, key: &ObjectKey, range: Option<ByteRange>) -> Result<Object, ObjectError>;

    /// Returns size, digest, content type and modification time of an object; `None` if the store says that it has no
    /// such object. A folder computes the digest, so this takes as long as reading the object.
    async fn head(&self, key: &ObjectKey) -> Result<Option<ObjectInfo>, ObjectError>;

    /// Returns the size of an object in bytes; `None` if the store says that it has no such object.
    async fn size(&self, key: &ObjectKey) -> Result<Option<u64>, ObjectError> {
        Ok(self.head(key).await?.map(|info| info.size_bytes))
    }

    /// Deletes what interrupted writes of any process left more than `older_than` ago, and returns how many. Stores that
    /// hide such remains from us delete none.
    async fn sweep(&self, older_than: Duration) -> Result<usize, ObjectError> {
        let _ = older_than;
        Ok(0)
    }

    /// Lists all objects whose key starts with `prefix`, sorted by key.
    async fn list(&self, prefix: &str) -> Result<Vec<Listed>, ObjectError>;

    /// Deletes an object. Succeeds if it does not exist.
    async fn delete(&self, key: &ObjectKey) -> Result<(), ObjectError>;

    /// Returns a URL with which anyone can read the object for `ttl`, or `None` if browsers cannot reach this store.
    async fn presign_get(&self, key: &ObjectKey, ttl: Duration) -> Result<Option<Url>, ObjectError>;

    /// Describes the store for logs and messages, without secrets.
    fn describe(&self) -> String;
}

/// An object to be stored.
#[derive(Clone, Debug)]
pub struct Put<'a> {
    pub key: &'a ObjectKey,
    pub body: Body,
    pub content_type: &'a str,
    /// The digest that the body must have, as lower-case hex. Nothing is stored if it has another.
    pub sha256: Option<&'a str>,
    /// A local file that remembers the unfinished uploads of this object, so that a later call, also in another process,
    /// deletes their parts from the store. Use the same file for the same object only.
    pub ledger: Option<&'a Path>,
}

impl Put<'_> {
    /// Fails if the body does not have the digest that the caller expects.
    pub(crate) fn expect_digest(&self, sha256: Sha256Digest) -> Result<(), ObjectError> {
        match (self.sha256, &self.body) {
            (Some(expected), Body::File(path)) if expected != sha256.to_hex() => {
                Err(ObjectError::SourceChanged { path: path.clone() })
            }
            _ => Ok(()),
        }
    }
}

/// A stored object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// URL of the object, for people and manifests.
    pub location: String,
    pub size_bytes: u64,
}

/// Metadata of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectInfo {
    pub size_bytes: u64,
    /// Lower-case hex. `None` if the store does not know it: another program stored the object.
    pub sha256: Option<String>,
    pub content_type: String,
    pub modified_at: Option<DateTime<Utc>>,
}

/// An object in a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub key: ObjectKey,
    pub size_bytes: u64,
    pub modified_at: Option<DateTime<Utc>>,
}

/// An object opened for reading.
pub struct Object {
    pub key: ObjectKey,
    pub stream: BoxStream<'static, Result<Bytes, ObjectError>>,
    /// Size of the whole object, even if only a range is streamed.
    pub total_bytes: u64,
    /// The byte offsets that `stream` contains.
    pub range: Range<u64>,
    pub content_type: String,
}

impl Object {
    /// Reads the stream to its end. Fails if it is longer than `limit_bytes`.
    pub async fn read(mut self, limit_bytes: u64) -> Result<Bytes, ObjectError> {
        let too_long = |key| ObjectError::TooLong { key, limit_bytes };
        if self.range.end - self.range.start > limit_bytes {
            return Err(too_long(self.key));
        }
        let mut all = BytesMut::new();
        while let Some(chunk) = self.stream.next().await {
            all.extend_from_slice(&chunk?);
            // A store may send more than it announced.
            if all.len() as u64 > limit_bytes {
                return Err(too_long(self.key));
            }
        }
        Ok(all.freeze())
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Object")
            .field("key", &self.key)
            .field("range", &self.range)
            .finish_non_exhaustive()
    }
}
