//! The trait that both stores implement, and what they return.

use std::{fmt, ops::Range, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use chrono::{DateTime, Utc};
use domain::ObjectKey;
use futures::{StreamExt, stream::BoxStream};
use url::Url;

use crate::{Body, ByteRange, ObjectError};

/// A store, shared by everything in a process.
pub type Objects = Arc<dyn ObjectStore>;

/// A place for objects. Put replaces; nobody ever sees half an object; reading one's own writes works at once.
#[async_trait]
pub trait ObjectStore: fmt::Debug + Send + Sync {
    /// Stores `body` durably under `key`, replacing what was there.
    async fn put(&self, key: &ObjectKey, body: Body, content_type: &str) -> Result<Stored, ObjectError>;

    /// The object, or the part that `range` names, as a stream.
    async fn get(&self, key: &ObjectKey, range: Option<ByteRange>) -> Result<Object, ObjectError>;

    async fn head(&self, key: &ObjectKey) -> Result<Head, ObjectError>;

    /// All objects whose key begins with `prefix`, in the order of their keys.
    async fn list(&self, prefix: &str) -> Result<Vec<Listed>, ObjectError>;

    /// Removes an object; one that is not there is no error.
    async fn delete(&self, key: &ObjectKey) -> Result<(), ObjectError>;

    /// An address at which anyone may read the object for `ttl`; `None` where browsers cannot reach this store.
    async fn presign_get(&self, key: &ObjectKey, ttl: Duration) -> Result<Option<Url>, ObjectError>;

    /// Where this store is, for logs and messages; no secret in it.
    fn describe(&self) -> String;
}

/// What a put left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Where the object lies, for people and manifests: an address of the store and the key.
    pub location: String,
    pub size_bytes: u64,
}

/// What is known of an object without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    pub size_bytes: u64,
    pub content_type: String,
    pub modified_at: Option<DateTime<Utc>>,
}

/// One line of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub key: ObjectKey,
    pub size_bytes: u64,
    pub modified_at: Option<DateTime<Utc>>,
}

/// An object that is being read.
pub struct Object {
    pub key: ObjectKey,
    pub stream: BoxStream<'static, Result<Bytes, ObjectError>>,
    /// Size of the whole object, whatever part is streamed.
    pub total_bytes: u64,
    /// The offsets that `stream` holds.
    pub range: Range<u64>,
    pub content_type: String,
}

impl Object {
    /// Reads the stream to its end; refuses to gather more than `limit_bytes`.
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
