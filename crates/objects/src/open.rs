//! From settings to a store.

use std::sync::Arc;

use crate::{Objects, StoreConfig, folder::Folder, s3::S3};

/// A store that cannot be opened; nothing of it was asked over the network yet.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("the object folder {path} cannot be used; it must be a folder that this user may write to")]
    Folder { path: String, source: std::io::Error },
    #[error("the certificates in {path} cannot be read; the file must hold PEM certificates")]
    CaFile { path: String, source: crate::BoxError },
}

/// Opens the store that `config` names. An S3 store is not asked yet: `probe` does that.
pub fn open(config: &StoreConfig) -> Result<Objects, OpenError> {
    match config {
        StoreConfig::Folder(folder) => Ok(Arc::new(Folder::open(folder)?)),
        StoreConfig::S3(s3) => Ok(Arc::new(S3::open(s3)?)),
    }
}
