//! The spool without a journal. To be removed once nothing uses it.

use std::{
    io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use domain::EgressId;
use sha2::{Digest, Sha256};
use tokio::{
    fs::{self, File},
    io::AsyncWriteExt,
};

use super::{SpoolError, SpooledFile};

/// The name of the file in the folder of its egress.
const FILE_NAME: &str = "recording.ogg";

/// Only the worker's user may read recordings.
const FOLDER_MODE: u32 = 0o700;

/// The most audio that a power failure can lose. A killed process loses nothing that was appended, because the
/// operating system has it.
const SYNC_INTERVAL: Duration = Duration::from_secs(5);

/// The folder of all recordings that are not stored yet.
#[derive(Clone, Debug)]
pub struct Spool {
    root: PathBuf,
}

impl Spool {
    /// Creates the folder if it does not exist, and checks that it is writable.
    pub fn open(root: &Path) -> Result<Self, SpoolError> {
        let check = || {
            std::fs::create_dir_all(root)?;
            std::fs::set_permissions(root, std::fs::Permissions::from_mode(FOLDER_MODE))?;
            write_probe(root)
        };
        check().map_err(|source| SpoolError::Unusable {
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
        let Ok(entries) = std::fs::read_dir(&self.root) else {
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
    std::fs::write(&probe, b"probe")?;
    std::fs::remove_file(probe)
}

/// A file that is being written.
#[derive(Debug)]
pub struct SpoolWriter {
    path: PathBuf,
    file: File,
    digest: Sha256,
    size_bytes: u64,
    synced: Instant,
}

impl SpoolWriter {
    pub(super) async fn create(folder: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&folder).await?;
        let path = folder.join(FILE_NAME);
        let file = File::options().write(true).create_new(true).open(&path).await?;
        Ok(Self {
            path,
            file,
            digest: Sha256::new(),
            size_bytes: 0,
            synced: Instant::now(),
        })
    }

    /// Writes the bytes to the operating system, where they survive the end of this process.
    pub async fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes).await?;
        self.file.flush().await?;
        self.digest.update(bytes);
        self.size_bytes += bytes.len() as u64;
        if self.synced.elapsed() >= SYNC_INTERVAL {
            self.file.sync_data().await?;
            self.synced = Instant::now();
        }
        Ok(())
    }

    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Closes the file once all of it is on the disk.
    pub async fn close(self) -> io::Result<SpooledFile> {
        self.file.sync_all().await?;
        let sha256 = self
            .digest
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Ok(SpooledFile {
            path: self.path,
            size_bytes: self.size_bytes,
            sha256,
        })
    }

    /// Removes the file and its folder; for recordings without a packet.
    pub async fn discard(self) -> io::Result<()> {
        remove(self.path).await
    }
}

pub(super) async fn remove(mut path: PathBuf) -> io::Result<()> {
    fs::remove_file(&path).await?;
    path.pop();
    fs::remove_dir(&path).await
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

        assert_eq!(std::fs::read(&spooled.path).unwrap(), b"abc");
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
