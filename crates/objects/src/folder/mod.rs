//! A store in a folder of this machine: one file an object, the key is the path.
//!
//! A put writes beside its target, syncs, renames and syncs the folder, so that a power cut leaves the old object or the
//! new one. Unlike in S3, `a` and `a/b` cannot both be objects.

mod content_type;
mod list;
mod path;
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
    Body, BoxError, ByteRange, FolderConfig, Head, Listed, Object, ObjectError, ObjectStore, Stored, open::OpenError,
};

/// How much is read from disk at once, in bytes.
const CHUNK_BYTES: usize = 256 * 1024;

/// See the module.
#[derive(Clone, Debug)]
pub struct Folder {
    /// Canonical: no symbolic link in it.
    root: PathBuf,
}

impl Folder {
    /// Makes the folder if it is not there.
    pub fn open(config: &FolderConfig) -> Result<Self, OpenError> {
        let prepare = || {
            fs::create_dir_all(&config.root)?;
            fs::canonicalize(&config.root)
        };
        let root = prepare().map_err(|source| OpenError::Folder {
            path: config.root.display().to_string(),
            source,
        })?;
        Ok(Self { root })
    }

    fn location(&self, key: &ObjectKey) -> String {
        let path = self.root.join(key.as_str());
        Url::from_file_path(&path).map_or_else(|()| path.display().to_string(), String::from)
    }

    /// Runs `work` where it may block. `key` is whose fault an error is.
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

    /// The file of an existing object.
    fn find(&self, key: &ObjectKey) -> Result<(fs::File, fs::Metadata), ObjectError> {
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
    async fn put(&self, key: &ObjectKey, body: Body, _content_type: &str) -> Result<Stored, ObjectError> {
        let location = self.location(key);
        let write = move |folder: Self, key| write::put(&folder.root, &key, body);
        let size_bytes = self.blocking(key, "store an object", write).await?;
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

    async fn head(&self, key: &ObjectKey) -> Result<Head, ObjectError> {
        let (_, metadata) = self
            .blocking(key, "read an object", |folder, key| folder.find(&key))
            .await?;
        Ok(Head {
            size_bytes: metadata.len(),
            content_type: content_type::of(key).to_owned(),
            modified_at: metadata.modified().ok().map(DateTime::<Utc>::from),
        })
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

/// What an error of the file system means for an object.
fn object_error(key: &ObjectKey, action: &'static str, error: io::Error) -> ObjectError {
    match error.kind() {
        // A file where the key has a folder means that there is no such object, as in S3.
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => ObjectError::NotFound(key.clone()),
        io::ErrorKind::InvalidFilename => ObjectError::BadKey {
            key: key.clone(),
            why: "a part between slashes is longer than a file name may be",
        },
        io::ErrorKind::IsADirectory => ObjectError::BadKey {
            key: key.clone(),
            why: "other objects lie below it",
        },
        _ => classify(action, error),
    }
}

fn classify(action: &'static str, error: io::Error) -> ObjectError {
    use io::ErrorKind::{Interrupted, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull, TimedOut};
    match error.kind() {
        PermissionDenied | ReadOnlyFilesystem => ObjectError::Denied {
            action,
            check: "that this user may write to the object folder and everything in it".to_owned(),
            source: BoxError::from(error),
        },
        // Room comes back when an operator, or the retention of recordings, makes some.
        StorageFull | QuotaExceeded | Interrupted | TimedOut => ObjectError::Unavailable(error.into()),
        _ => ObjectError::Failed {
            action,
            source: error.into(),
        },
    }
}
