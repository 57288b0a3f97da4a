//! Where a recording lies until it is stored: one folder an egress, one file in it, only ever appended to.
//!
//! A file that could not be stored stays here, and so does that of a worker that was killed; both are named in the log
//! at the next start. Taking them up again belongs here too and is not there yet.

mod file;

use std::{
    fs::{self, Permissions},
    io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use domain::EgressId;

pub use file::{SpoolWriter, SpooledFile};

/// Recordings are nobody else's business.
const FOLDER_MODE: u32 = 0o700;

/// The folder of all recordings under way.
#[derive(Clone, Debug)]
pub struct Spool {
    root: PathBuf,
}

/// A spool folder that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the spool folder {path} cannot be used; name one that this user may write to in trackscribe.spool")]
pub struct SpoolError {
    path: String,
    source: io::Error,
}

impl Spool {
    /// Makes the folder if it is not there, and tries whether it can be written to.
    pub fn open(root: &Path) -> Result<Self, SpoolError> {
        let usable = || {
            fs::create_dir_all(root)?;
            fs::set_permissions(root, Permissions::from_mode(FOLDER_MODE))?;
            tempfile_in(root)
        };
        usable().map_err(|source| SpoolError {
            path: root.display().to_string(),
            source,
        })?;
        Ok(Self { root: root.to_owned() })
    }

    /// A new file for one egress. One that is there already is never written to again.
    pub async fn create(&self, egress_id: &EgressId) -> io::Result<SpoolWriter> {
        SpoolWriter::create(self.root.join(egress_id.as_str())).await
    }

    /// Folders of recordings that were not stored.
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
fn tempfile_in(root: &Path) -> io::Result<()> {
    let probe = root.join(format!(".probe-{}", std::process::id()));
    fs::write(&probe, b"probe")?;
    fs::remove_file(probe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_appended_is_in_the_file_with_its_digest() {
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
    async fn an_egress_that_has_a_file_already_overwrites_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::open(folder.path()).unwrap();

        let first = spool.create(&"EG_1".into()).await;
        let second = spool.create(&"EG_1".into()).await;

        assert!(first.is_ok() && second.is_err());
    }

    #[test]
    fn a_folder_that_cannot_be_used_names_its_key() {
        let error = Spool::open(Path::new("/proc/spool")).unwrap_err();

        assert!(error.to_string().contains("trackscribe.spool"), "{error}");
    }
}
