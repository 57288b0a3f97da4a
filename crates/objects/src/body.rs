//! The content of a new object.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    ops::Range,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use tokio::task::spawn_blocking;

use crate::{ObjectError, digest::Sha256Digest};

/// The content of a new object.
#[derive(Clone, Debug)]
pub enum Body {
    Bytes(Bytes),
    /// A local file, streamed from disk. It must not change during the upload.
    File(PathBuf),
}

impl Body {
    pub(crate) async fn size_bytes(&self) -> Result<u64, ObjectError> {
        match self {
            Self::Bytes(bytes) => Ok(bytes.len() as u64),
            Self::File(path) => {
                let metadata = tokio::fs::metadata(path).await;
                metadata.map(|m| m.len()).map_err(|e| unreadable(path, e))
            }
        }
    }

    /// Computes the digest of a part of the content.
    pub(crate) async fn sha256(&self, part: Range<u64>) -> Result<Sha256Digest, ObjectError> {
        let body = self.clone();
        let path = match self {
            Self::Bytes(_) => PathBuf::new(),
            Self::File(path) => path.clone(),
        };
        match spawn_blocking(move || body.sha256_blocking(part)).await {
            Ok(digest) => digest.map_err(|e| unreadable(&path, e)),
            Err(panicked) => Err(unreadable(&path, io::Error::other(panicked))),
        }
    }

    fn sha256_blocking(&self, part: Range<u64>) -> io::Result<Sha256Digest> {
        match self {
            Self::Bytes(bytes) => Sha256Digest::read(&bytes[part.start as usize..part.end as usize]),
            Self::File(path) => {
                let mut file = File::open(path)?;
                file.seek(SeekFrom::Start(part.start))?;
                Sha256Digest::read(file.take(part.end - part.start))
            }
        }
    }
}

/// The error for a local file that cannot be read.
pub(crate) fn unreadable(path: &Path, source: io::Error) -> ObjectError {
    if crate::error::is_out_of_file_handles(&source) {
        return ObjectError::NoFileHandles(source.into());
    }
    ObjectError::Source {
        path: path.to_owned(),
        source,
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes.into())
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Self::Bytes(text.into())
    }
}

impl From<&Path> for Body {
    fn from(file: &Path) -> Self {
        Self::File(file.to_owned())
    }
}
