//! Opens the store that the settings describe.

use std::sync::Arc;

use crate::{Objects, StoreConfig, folder::Folder, s3::S3};

/// A store that cannot be opened. Opening sends no network request.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("cannot use {path} as object folder; it must be a folder that this user can write to")]
    Folder { path: String, source: std::io::Error },
    #[error("cannot load the certificates in {path}; the file must contain PEM certificates")]
    CaFile { path: String, source: crate::BoxError },
}

/// Opens the store that `config` describes. Does not contact an S3 store; use [`crate::probe`] to check it.
pub fn open(config: &StoreConfig) -> Result<Objects, OpenError> {
    match config {
        StoreConfig::Folder(folder) => Ok(Arc::new(Folder::open(folder)?)),
        StoreConfig::S3(s3) => Ok(Arc::new(S3::open(s3)?)),
    }
}
