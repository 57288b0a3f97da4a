//! Writes the output of children to log files of limited size.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use tokio::io::{AsyncRead, AsyncReadExt};

/// A log is rotated at this size, so a child keeps at most twice as much.
const MAX_BYTES: u64 = 10 * 1024 * 1024;

/// Lines of the log that are shown when a child fails.
const TAIL_LINES: usize = 12;

/// Bytes at the end of the log in which these lines are searched.
const TAIL_BYTES: u64 = 16 * 1024;

/// The log of one child. The rotated log has the extension `.log.1`.
#[derive(Debug)]
pub struct LogFile {
    path: PathBuf,
    file: File,
    size_bytes: u64,
    max_bytes: u64,
}

impl LogFile {
    pub fn open(path: PathBuf) -> io::Result<Self> {
        Self::with_limit(path, MAX_BYTES)
    }

    fn with_limit(path: PathBuf, max_bytes: u64) -> io::Result<Self> {
        let file = append(&path)?;
        let size_bytes = file.metadata()?.len();
        Ok(Self {
            path,
            file,
            size_bytes,
            max_bytes,
        })
    }

    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.size_bytes >= self.max_bytes {
            fs::rename(&self.path, self.path.with_extension("log.1"))?;
            self.file = append(&self.path)?;
            self.size_bytes = 0;
        }
        self.file.write_all(bytes)?;
        self.size_bytes += bytes.len() as u64;
        Ok(())
    }
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).mode(0o600).open(path)
}

/// Copies a child's output to its log until the pipe is closed. Continues after write errors, because a full disk must
/// not stop the child.
pub async fn copy(mut from: impl AsyncRead + Unpin, mut log: LogFile) {
    let mut buffer = vec![0; 16 * 1024];
    let mut has_warned = false;
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        if let Err(error) = log.write(&buffer[..count])
            && !has_warned
        {
            tracing::warn!("cannot write {}: {error}", log.path.display());
            has_warned = true;
        }
    }
}

/// Returns the last lines of a log.
pub fn tail(path: &Path) -> String {
    let read = || -> io::Result<String> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
        let mut end = Vec::new();
        file.read_to_end(&mut end)?;
        Ok(String::from_utf8_lossy(&end).into_owned())
    };
    let text = read().unwrap_or_default();
    let lines: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_rotated_at_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("redis.log");
        let mut log = LogFile::with_limit(path.clone(), 10).unwrap();

        for line in ["0123456789\n", "second\n", "third\n", "fourth\n"] {
            log.write(line.as_bytes()).unwrap();
        }

        assert_eq!(fs::read_to_string(&path).unwrap(), "fourth\n");
        assert_eq!(
            fs::read_to_string(folder.path().join("redis.log.1")).unwrap(),
            "second\nthird\n"
        );
    }

    #[test]
    fn the_tail_is_the_last_lines_even_if_they_are_not_utf8() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.log");
        let lines = (0..100).map(|n| format!("line {n}\n")).collect::<String>();
        fs::write(&path, [lines.as_bytes(), b"\xff\xfe\n\n"].concat()).unwrap();

        let tail = tail(&path);

        assert_eq!(tail.lines().count(), TAIL_LINES);
        assert!(tail.starts_with("line 89") && !tail.contains("line 88"), "{tail}");
        assert_eq!(super::tail(Path::new("/nowhere")), "");
    }
}
