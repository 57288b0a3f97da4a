//! A store in a local folder: one file per object, with the key as path.
//!
//! A write goes to a temporary file in the target's folder, is synced and renamed, and the folder is synced, so that a
//! power cut leaves either the old or the new object. Unlike in S3, `a` and `a/b` cannot both be objects.

mod content_type;
mod list;
mod marker;
mod path;
mod sweep;
mod write;

use std::{fs, io, io::SeekFrom, path::PathBuf, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use domain::ObjectKey;
use futures::StreamExt;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;
use url::Url;

use crate::{
    BoxError, ByteRange, FolderConfig, Listed, Object, ObjectError, ObjectInfo, ObjectStore, OpenError, Put, Stored,
    digest::Sha256Digest, error::is_out_of_file_handles,
};

/// Size of the chunks read from disk, in bytes.
const CHUNK_BYTES: usize = 256 * 1024;

/// A store in a local folder.
#[derive(Clone, Debug)]
pub struct Folder {
    config: FolderConfig,
    /// Canonical path, without symbolic links.
    root: PathBuf,
}

impl Folder {
    /// Opens the folder, creating it if it does not exist.
    pub fn open(config: &FolderConfig) -> Result<Self, OpenError> {
        let prepare = || {
            write::make_folders(&config.root)?;
            let root = fs::canonicalize(&config.root)?;
            marker::create(&root)?;
            Ok(root)
        };
        let root = prepare().map_err(|source| OpenError::Folder {
            path: config.root.display().to_string(),
            source,
        })?;
        Ok(Self {
            config: config.clone(),
            root,
        })
    }

    /// Runs `work` on a thread that may block.
    async fn blocking<T, F>(&self, key: &ObjectKey, action: &'static str, work: F) -> Result<T, ObjectError>
    where
        T: Send + 'static,
        F: FnOnce(Self, ObjectKey) -> Result<T, ObjectError> + Send + 'static,
    {
        let (folder, key) = (self.clone(), key.clone());
        match tokio::task::spawn_blocking(move || work(folder, key)).await {
            Ok(outcome) => outcome,
            Err(panicked) => Err(ObjectError::Failed {
                action,
                source: panicked.into(),
            }),
        }
    }

    /// Opens the file of an existing object.
    fn find(&self, key: &ObjectKey) -> Result<(fs::File, fs::Metadata), ObjectError> {
        let found = self.find_file(key);
        if matches!(found, Err(ObjectError::NotFound(_))) {
            marker::expect(&self.root)?;
        }
        found
    }

    fn find_file(&self, key: &ObjectKey) -> Result<(fs::File, fs::Metadata), ObjectError> {
        let path = path::resolve_existing(&self.root, key)?;
        let open = || {
            let file = fs::File::open(path)?;
            let metadata = file.metadata()?;
            Ok((file, metadata))
        };
        let (file, metadata) = open().map_err(|e| object_error(key, "read an object", e))?;
        if !metadata.is_file() {
            return Err(ObjectError::NotFound(key.clone()));
        }
        Ok((file, metadata))
    }
}

#[async_trait]
impl ObjectStore for Folder {
    async fn put_object(&self, put: Put<'_>) -> Result<Stored, ObjectError> {
        let location = self.config.location(put.key);
        let (body, sha256) = (put.body, put.sha256.map(str::to_owned));
        let write = move |folder: Self, key| {
            marker::expect(&folder.root)?;
            write::put(&folder.root, &key, body, sha256.as_deref())
        };
        let size_bytes = self.blocking(put.key, "store an object", write).await?;
        Ok(Stored { location, size_bytes })
    }

    async fn get(&self, key: &ObjectKey, range: Option<ByteRange>) -> Result<Object, ObjectError> {
        let (file, metadata) = self
            .blocking(key, "read an object", |folder, key| folder.find(&key))
            .await?;
        let total_bytes = metadata.len();
        let range = match range {
            None => 0..total_bytes,
            Some(range) => range.resolve(total_bytes).ok_or_else(|| ObjectError::OutOfRange {
                key: key.clone(),
                total_bytes,
            })?,
        };
        let mut file = tokio::fs::File::from_std(file);
        file.seek(SeekFrom::Start(range.start))
            .await
            .map_err(|e| object_error(key, "read an object", e))?;
        let part = file.take(range.end - range.start);
        let of = key.clone();
        let stream = ReaderStream::with_capacity(part, CHUNK_BYTES)
            .map(move |chunk| chunk.map_err(|e| object_error(&of, "read an object", e)))
            .boxed();
        Ok(Object {
            key: key.clone(),
            stream,
            total_bytes,
            range,
            content_type: content_type::of(key).to_owned(),
        })
    }

    async fn head(&self, key: &ObjectKey) -> Result<Option<ObjectInfo>, ObjectError> {
        let inspect = |folder: Self, key: ObjectKey| {
            let (file, metadata) = folder.find(&key)?;
            let error = |e| object_error(&key, "read an object", e);
            let sha256 = Sha256Digest::read(file).map_err(error)?;
            Ok(ObjectInfo {
                size_bytes: metadata.len(),
                sha256: Some(sha256.to_hex()),
                content_type: content_type::of(&key).to_owned(),
                modified_at: metadata.modified().ok().map(DateTime::<Utc>::from),
            })
        };
        found(self.blocking(key, "read an object", inspect).await)
    }

    async fn size(&self, key: &ObjectKey) -> Result<Option<u64>, ObjectError> {
        let size = |folder: Self, key: ObjectKey| Ok(folder.find(&key)?.1.len());
        found(self.blocking(key, "read an object", size).await)
    }

    async fn sweep(&self, older_than: Duration) -> Result<usize, ObjectError> {
        let (root, action) = (self.root.clone(), "delete temporary files");
        match tokio::task::spawn_blocking(move || sweep::temporary_files(&root, older_than)).await {
            Ok(swept) => swept.map_err(|e| classify(action, e)),
            Err(panicked) => Err(ObjectError::Failed {
                action,
                source: panicked.into(),
            }),
        }
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Listed>, ObjectError> {
        let (root, prefix) = (self.root.clone(), prefix.to_owned());
        let action = "list objects";
        match tokio::task::spawn_blocking(move || list::objects(&root, &prefix)).await {
            Ok(listing) => listing.map_err(|e| classify(action, e)),
            Err(panicked) => Err(ObjectError::Failed {
                action,
                source: panicked.into(),
            }),
        }
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), ObjectError> {
        let outcome = self
            .blocking(key, "delete an object", |folder, key| write::remove(&folder.root, &key))
            .await;
        match outcome {
            Err(ObjectError::NotFound(_)) => Ok(()),
            outcome => outcome,
        }
    }

    async fn presign_get(&self, _key: &ObjectKey, _ttl: Duration) -> Result<Option<Url>, ObjectError> {
        Ok(None)
    }

    fn describe(&self) -> String {
        format!("folder {}", self.root.display())
    }
}

/// Returns `None` for an object that does not exist.
fn found<T>(outcome: Result<T, ObjectError>) -> Result<Option<T>, ObjectError> {
    match outcome {
        Err(ObjectError::NotFound(_)) => Ok(None),
        outcome => outcome.map(Some),
    }
}

/// Classifies a file system error of an operation on an object.
fn object_error(key: &ObjectKey, action: &'static str, error: io::Error) -> ObjectError {
    match error.kind() {
        // A file in place of one of the key's folders: the object does not exist, as in S3.
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => ObjectError::NotFound(key.clone()),
        io::ErrorKind::InvalidFilename => ObjectError::BadKey {
            key: key.clone(),
            why: "a segment is longer than a file name may be",
        },
        io::ErrorKind::IsADirectory => ObjectError::BadKey {
            key: key.clone(),
            why: "it is a folder that contains other objects",
        },
        _ => classify(action, error),
    }
}

fn classify(action: &'static str, error: io::Error) -> ObjectError {
    use io::ErrorKind::{Interrupted, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull, TimedOut};
    if is_out_of_file_handles(&error) {
        return ObjectError::NoFileHandles(error.into());
    }
    match error.kind() {
        PermissionDenied | ReadOnlyFilesystem => ObjectError::Denied {
            action,
            check: "that this user can write to the object folder and everything in it".to_owned(),
            source: BoxError::from(error),
        },
        StorageFull | QuotaExceeded | Interrupted | TimedOut => ObjectError::Busy(error.into()),
        _ => ObjectError::Failed {
            action,
            source: error.into(),
        },
    }
}
