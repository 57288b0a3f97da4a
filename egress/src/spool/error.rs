//! Why a spool folder cannot be used.

use std::{io, path::Path};

/// A spool folder that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    #[error("cannot use the spool folder {path}; set trackscribe.spool to a folder that this user may write to")]
    Unusable { path: String, source: io::Error },
    /// Another process has locked it.
    #[error(
        "another egress worker uses the spool folder {path}; stop it, or set trackscribe.spool to another folder: each \
         worker needs its own"
    )]
    InUse { path: String },
}

impl SpoolError {
    pub(super) fn unusable(path: &Path, source: io::Error) -> Self {
        Self::Unusable {
            path: path.display().to_string(),
            source,
        }
    }
}
