//! Keeps recordings on disk until they are stored: one folder per egress with one file, which is only appended to.
//!
//! The files of failed uploads and of killed workers stay here and are named in the log at the next start. Recovering
//! them belongs in this module and is not implemented yet.

mod file;

use std::{
    fs::{self, Permissions},
    io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use domain::EgressId;

pub use file::{SpoolWriter, SpooledFile};

/// Only the worker's user may read recordings.
const FOLDER_MODE: u32 = 0o700;

/// The folder of all recordings that are not stored yet.
#[derive(Clone, Debug)]
pub struct Spool {
    root: PathBuf,
}

/// A spool folder that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot use the spool folder {path}; set trackscribe.spool to a folder that this user may write to")]
pub struct SpoolError {
    path: String,
    source: io::Error,
}

impl Spool {
    /// Creates the folder if it does not exist, and checks that it is writable.
    pub fn open(root: &Path) -> Result<Self, SpoolError> {
        let check = || {
            fs::create_dir_all(root)?;
            fs::set_permissions(root, Permissions::from_mode(FOLDER_MODE))?;
            write_probe(root)
        };
        check().map_err(|source| SpoolError {
            path: root.display().to_string(),
            source,
        })?;
        Ok(Self { root: root.to_owned() })
    }

    /// Creates the file of one egress. Fails if it exists already: no file is overwritten or continued.
    pub async fn create(&self, egress_id: &EgressId) -> io::Result<SpoolWriter> {
        SpoolWriter::create(self.root.join(egress_id.as_str())).await
    }

    /// The folders of recordings that were not stored.
    pub fn leftovers(&self) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(&self.root) else {
            return Vec::new();
        };
        entries
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.is_dir())
            .collect()
    }
}

/// Writes and removes a file.
fn write_probe(root: &Path) -> io::Result<()> {
    let probe = root.join(format!(".probe-{}", std::process::id()));
    fs::write(&probe, b"probe")?;
    fs::remove_file(probe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn appended_bytes_are_in_the_file_and_its_digest() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path()).unwrap();

        let mut file = spool.create(&"EG_1".into()).await.unwrap();
        file.append(b"ab").await.unwrap();
        file.append(b"c").await.unwrap();
        let spooled = file.close().await.unwrap();

        assert_eq!(fs::read(&spooled.path).unwrap(), b"abc");
        assert_eq!(spooled.size_bytes, 3);
        assert_eq!(
            spooled.sha256,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(spool.leftovers().len(), 1);

        spooled.remove().await.unwrap();

        assert!(spool.leftovers().is_empty());
    }

    #[tokio::test]
    async fn the_existing_file_of_an_egress_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path()).unwrap();

        let first = spool.create(&"EG_1".into()).await;
        let second = spool.create(&"EG_1".into()).await;

        assert!(first.is_ok() && second.is_err());
    }

    #[test]
    fn the_error_for_an_unusable_folder_names_its_configuration_key() {
        let error = Spool::open(Path::new("/proc/spool")).unwrap_err();

        assert!(error.to_string().contains("trackscribe.spool"), "{error}");
    }
}
