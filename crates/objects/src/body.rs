//! What is put into a store.

use std::path::{Path, PathBuf};

use bytes::Bytes;

/// The content of a new object.
#[derive(Clone, Debug)]
pub enum Body {
    Bytes(Bytes),
    /// A file on this machine, streamed from disk; it must not change while it is put.
    File(PathBuf),
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
