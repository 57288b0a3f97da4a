//! Why a spool folder cannot be used, and what to do about it.

use std::{io, os::unix::fs::MetadataExt, path::Path};

/// A spool folder that cannot be used. Nothing in it is changed.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    #[error("cannot use the spool folder {path}; {remedy}")]
    Unusable {
        path: String,
        remedy: String,
        source: io::Error,
    },
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
            remedy: remedy(&source, path),
            source,
        }
    }
}

/// What an operator can do about `error` at `path`. The recordings in a spool are only continued from that spool, so
/// another folder is never the first advice for one that holds some.
pub(super) fn remedy(error: &io::Error, path: &Path) -> String {
    match error.kind() {
        io::ErrorKind::ReadOnlyFilesystem => {
            "mount its file system for writing, then start the worker again".to_owned()
        }
        io::ErrorKind::PermissionDenied => format!(
            "it belongs to {}; give it to the user of this worker (chown -R), or start the worker as its owner",
            owner(path)
        ),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "its disk is full; free some space, then start the worker again".to_owned()
        }
        io::ErrorKind::Unsupported => {
            "its file system knows no locks; set trackscribe.spool to a folder on a local disk".to_owned()
        }
        _ => "set trackscribe.spool to a folder on a local disk that this user may write to".to_owned(),
    }
}

/// The owner of the path, or of the closest folder above it that this user may look at.
fn owner(path: &Path) -> String {
    let known = path.ancestors().find_map(|path| path.symlink_metadata().ok());
    known.map_or_else(
        || "another user".to_owned(),
        |metadata| format!("the user {}", metadata.uid()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_remedy_depends_on_what_is_wrong() {
        let table = [
            (io::ErrorKind::ReadOnlyFilesystem, "mount"),
            (io::ErrorKind::PermissionDenied, "chown"),
            (io::ErrorKind::StorageFull, "free some space"),
            (io::ErrorKind::Unsupported, "locks"),
            (io::ErrorKind::NotADirectory, "trackscribe.spool"),
        ];

        for (kind, word) in table {
            let error = SpoolError::unusable(Path::new("/spool"), kind.into());
            assert!(error.to_string().contains(word), "{error}");
            assert!(error.to_string().contains("/spool"), "{error}");
        }
    }

    #[test]
    fn the_owner_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let uid = folder.path().metadata().unwrap().uid();

        let remedy = remedy(&io::ErrorKind::PermissionDenied.into(), &folder.path().join("spool"));

        assert!(remedy.contains(&format!("the user {uid};")), "{remedy}");
    }
}
