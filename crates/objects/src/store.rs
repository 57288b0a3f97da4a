//! The trait of object stores, and the types that it returns.

use std::{fmt, ops::Range, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use chrono::{DateTime, Utc};
use domain::ObjectKey;
use futures::{StreamExt, stream::BoxStream};
use url::Url;

use crate::{Body, ByteRange, ObjectError};

/// A store, shared by all users in a process.
pub type Objects = Arc<dyn ObjectStore>;

/// An object store. Writes are atomic and replace an existing object; a completed write is visible to all later reads.
#[async_trait]
pub trait ObjectStore: fmt::Debug + Send + Sync {
    /// Stores `body` durably under `key`, replacing an existing object.
    async fn put(&self, key: &ObjectKey, body: Body, content_type: &str) -> Result<Stored, ObjectError>;

    /// Returns the object, or the given range of it, as a stream.
    async fn get(&self, key: &ObjectKey, range: Option<ByteRange>) -> Result<Object, ObjectError>;

    /// Returns size, digest, content type and modification time of an object; `None` if the store says that it has no
    /// such object.
    async fn head(&self, key: &ObjectKey) -> Result<Option<ObjectInfo>, ObjectError>;

    /// Lists all objects whose key starts with `prefix`, sorted by key.
    async fn list(&self, prefix: &str) -> Result<Vec<Listed>, ObjectError>;

    /// Deletes an object. Succeeds if it does not exist.
    async fn delete(&self, key: &ObjectKey) -> Result<(), ObjectError>;

    /// Returns a URL with which anyone can read the object for `ttl`, or `None` if browsers cannot reach this store.
    async fn presign_get(&self, key: &ObjectKey, ttl: Duration) -> Result<Option<Url>, ObjectError>;

    /// Describes the store for logs and messages, without secrets.
    fn describe(&self) -> String;
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
