//! Errors of object stores, distinguished as far as callers act on them.

use std::{error::Error, io};

use domain::ObjectKey;
use thiserror::Error;

pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The error number of a process that has no file handles left (`EMFILE` in `errno.h`).
const TOO_MANY_FILES_OF_PROCESS: i32 = 24;

/// The error number of a machine that has no file handles left (`ENFILE` in `errno.h`).
const TOO_MANY_FILES_OF_SYSTEM: i32 = 23;

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
    /// The store answered that it has no such object.
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
    /// There is no such bucket, or something other than a store answers.
    #[error("the object store has no bucket {bucket}; check that it exists and that endpoint and region are correct")]
    NoBucket { bucket: String, source: BoxError },
    /// This store cannot hold an object with this key.
    #[error("object key {key} is not allowed in this store: {why}")]
    BadKey { key: ObjectKey, why: &'static str },
    /// The store responded with an error that none of the other variants describes.
    #[error("the object store cannot {action}")]
    Failed { action: &'static str, source: BoxError },
    /// The store does not know this kind of request.
    #[error("the object store cannot {action}, because it does not implement the request")]
    NotImplemented { action: &'static str, source: BoxError },
    #[error("the object store cannot be reached")]
    Unavailable(#[source] BoxError),
    /// The store answered that it is overloaded, full or broken.
    #[error("the object store is busy or has an internal error")]
    Busy(#[source] BoxError),
    #[error("no file handles are left to use the object store; raise the limit of open files (ulimit -n)")]
    NoFileHandles(#[source] BoxError),
    /// The local file to be stored cannot be read.
    #[error("cannot read file {0} to store it", path.display())]
    Source {
        path: std::path::PathBuf,
        source: std::io::Error,
    },
    /// The local file to be stored is not the one that the caller described. Nothing was stored.
    #[error("file {0} has changed since its digest was computed", path.display())]
    SourceChanged { path: std::path::PathBuf },
    /// The object is longer than the caller's limit.
    #[error("object {key} is longer than the limit of {limit_bytes} bytes")]
    TooLong { key: ObjectKey, limit_bytes: u64 },
}

impl ObjectError {
    /// Whether the same call may succeed later: when the store is reachable again, when an operator has corrected its
    /// settings, or when a file handle is free. False for what the store or the caller's arguments decide for good.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Denied { .. }
            | Self::NoBucket { .. }
            | Self::Failed { .. }
            | Self::NotImplemented { .. }
            | Self::Unavailable(_)
            | Self::Busy(_)
            | Self::NoFileHandles(_)
            | Self::Source { .. } => true,
            Self::NotFound(_)
            | Self::OutOfRange { .. }
            | Self::BadKey { .. }
            | Self::SourceChanged { .. }
            | Self::TooLong { .. } => false,
        }
    }

    /// Whether the store answered that the object does not exist.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound(_))
    }
}

/// Whether `error` or one of its causes says that no file handles are left.
pub(crate) fn is_out_of_file_handles(error: &(dyn Error + 'static)) -> bool {
    let mut causes = std::iter::successors(Some(error), |cause| (*cause).source());
    causes.any(|cause| {
        let number = cause.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error);
        matches!(number, Some(TOO_MANY_FILES_OF_PROCESS | TOO_MANY_FILES_OF_SYSTEM))
    })
}
