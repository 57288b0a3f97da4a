//! Errors of object stores, distinguished as far as callers act on them.

use domain::ObjectKey;
use thiserror::Error;

pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A store that cannot be opened. Opening sends no network request.
#[derive(Debug, Error)]
pub enum OpenError {
    #[error("cannot use {path} as object folder; it must be a folder that this user can write to")]
    Folder { path: String, source: std::io::Error },
    #[error("cannot load the certificates in {path}; the file must contain PEM certificates")]
    CaFile { path: String, source: BoxError },
}

/// A failed operation on an object store.
#[derive(Debug, Error)]
pub enum ObjectError {
    #[error("object {0} does not exist")]
    NotFound(ObjectKey),
    #[error("the requested range lies outside object {key}, which has {total_bytes} bytes")]
    OutOfRange { key: ObjectKey, total_bytes: u64 },
    /// The store denies the operation. `check` says what an operator should check.
    #[error("the object store denies permission to {action}; check {check}")]
    Denied {
        action: &'static str,
        check: String,
        source: BoxError,
    },
    /// This store cannot hold an object with this key.
    #[error("object key {key} is not allowed in this store: {why}")]
    BadKey { key: ObjectKey, why: &'static str },
    /// The store responded with an error that a retry will not resolve.
    #[error("the object store cannot {action}")]
    Failed { action: &'static str, source: BoxError },
    #[error("the object store cannot be reached or is busy")]
    Unavailable(#[source] BoxError),
    /// The local file to be stored cannot be read.
    #[error("cannot read file {0} to store it", path.display())]
    Source {
        path: std::path::PathBuf,
        source: std::io::Error,
    },
    /// The object is longer than the caller's limit.
    #[error("object {key} is longer than the limit of {limit_bytes} bytes")]
    TooLong { key: ObjectKey, limit_bytes: u64 },
}

impl ObjectError {
    /// Whether the same call may succeed later without anyone changing anything.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }

    /// Whether the object does not exist.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound(_))
    }
}
