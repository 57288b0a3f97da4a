//! What can go wrong with a store, as far as callers act differently.

use domain::ObjectKey;
use thiserror::Error;

pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why an object could not be had or kept.
#[derive(Debug, Error)]
pub enum ObjectError {
    #[error("object {0} does not exist")]
    NotFound(ObjectKey),
    #[error("object {key} has {total_bytes} bytes, none of them in the range that was asked for")]
    OutOfRange { key: ObjectKey, total_bytes: u64 },
    /// The store said no; `check` tells what to look at.
    #[error("the object store refuses to {action}; check {check}")]
    Denied {
        action: &'static str,
        check: String,
        source: BoxError,
    },
    /// The key cannot be used in this store, whatever its content.
    #[error("object key {key} cannot be used here: {why}")]
    BadKey { key: ObjectKey, why: &'static str },
    /// The store answered, and asking again the same way will not help.
    #[error("the object store cannot {action}")]
    Failed { action: &'static str, source: BoxError },
    #[error("the object store cannot be reached or is busy")]
    Unavailable(#[source] BoxError),
    /// What was to be stored could not be read from this machine's disk.
    #[error("file {0} cannot be read to be stored", path.display())]
    Source {
        path: std::path::PathBuf,
        source: std::io::Error,
    },
    /// A small object was expected.
    #[error("object {key} is longer than the {limit_bytes} bytes that are read at once")]
    TooLong { key: ObjectKey, limit_bytes: u64 },
}

impl ObjectError {
    /// Whether the same call may succeed later without anyone changing anything.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }

    /// Whether the object is simply not there.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound(_))
    }
}
