//! The content of a new object.

use std::path::{Path, PathBuf};

use bytes::Bytes;

/// The content of a new object.
#[derive(Clone, Debug)]
pub enum Body {
    Bytes(Bytes),
    /// A local file, streamed from disk. It must not change during the upload.
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
