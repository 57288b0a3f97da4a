//! Opens the store that the settings describe.

use std::sync::Arc;

use crate::{Objects, OpenError, StoreConfig, folder::Folder, s3::S3};

/// Opens the store that `config` describes. Does not contact an S3 store; use [`crate::probe`] to check it.
pub fn open(config: &StoreConfig) -> Result<Objects, OpenError> {
    match config {
        StoreConfig::Folder(folder) => Ok(Arc::new(Folder::open(folder)?)),
        StoreConfig::S3(s3) => Ok(Arc::new(S3::open(s3)?)),
    }
}
