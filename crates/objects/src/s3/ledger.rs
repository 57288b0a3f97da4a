//! The multipart uploads of one object that this process or an earlier one began, in a file. Only the uploads in it are
//! aborted: others under the same key may belong to another program.

use std::{
    fs::{self, File},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use tokio::task::spawn_blocking;

/// Longest accepted file in bytes. An id has about a hundred, and each attempt adds one only if the one before it could
/// not be aborted.
const MAX_BYTES: u64 = 256 * 1024;

/// Longest accepted upload id in bytes.
const MAX_ID_BYTES: usize = 2048;

/// Returns the uploads of earlier attempts. A damaged file gives those that can still be read.
pub async fn read(path: &Path) -> Vec<String> {
    let path = path.to_owned();
    spawn_blocking(move || read_blocking(&path)).await.unwrap_or_default()
}

/// Adds an upload, durably. Nothing is uploaded before.
pub async fn add(path: &Path, id: &str) -> io::Result<()> {
    let (path, line) = (path.to_owned(), format!("{id}\n"));
    let append = move || {
        let mut file = File::options().append(true).create(true).mode(0o600).open(path)?;
        file.write_all(line.as_bytes())?;
        file.sync_all()
    };
    spawn_blocking(append)
        .await
        .unwrap_or_else(|e| Err(io::Error::other(e)))
}

/// Forgets all uploads but `kept`.
pub async fn keep(path: &Path, kept: &[String]) -> io::Result<()> {
    let (path, kept) = (path.to_owned(), kept.join("\n"));
    let write = move || match (kept.is_empty(), fs::exists(&path)?) {
        (true, true) => fs::remove_file(path),
        (true, false) => Ok(()),
        (false, _) => fs::write(path, kept + "\n"),
    };
    spawn_blocking(write).await.unwrap_or_else(|e| Err(io::Error::other(e)))
}

fn read_blocking(path: &Path) -> Vec<String> {
    let is_short = fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.len() <= MAX_BYTES);
    if !is_short {
        return Vec::new();
    }
    let content = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&content);
    let is_id =
        |line: &&str| !line.is_empty() && line.len() <= MAX_ID_BYTES && line.chars().all(|c| c.is_ascii_graphic());
    text.lines().filter(is_id).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn uploads_are_remembered_until_they_are_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("uploads");

        add(&path, "a").await.unwrap();
        add(&path, "b").await.unwrap();
        assert_eq!(read(&path).await, ["a", "b"]);
        keep(&path, &["b".to_owned()]).await.unwrap();
        assert_eq!(read(&path).await, ["b"]);
        keep(&path, &[]).await.unwrap();
        keep(&path, &[]).await.unwrap();

        assert!(read(&path).await.is_empty() && !path.exists());
    }

    #[tokio::test]
    async fn a_damaged_file_gives_what_can_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("uploads");
        let long = "x".repeat(MAX_ID_BYTES + 1);

        fs::write(
            &path,
            [b"good\n\n\xff\xfe\nwith space\n", long.as_bytes(), b"\nlast"].concat(),
        )
        .unwrap();
        let ids = read(&path).await;
        fs::write(&path, "x\n".repeat(MAX_BYTES as usize)).unwrap();

        assert_eq!(ids, ["good", "last"]);
        assert!(read(&path).await.is_empty());
        assert!(read(folder.path()).await.is_empty());
    }
}
