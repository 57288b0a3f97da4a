//! A folder that is open for writing: what waits, and where it goes.

use std::{collections::VecDeque, fs::File, io, path::PathBuf, sync::Arc};

use bytes::Bytes;
use sha2::{Digest, Sha256};
use tokio::sync::oneshot;

use super::disk::Disk;

/// Small pieces that wait together are written together, up to this many bytes.
const MAX_WRITE_BYTES: usize = 256 * 1024;

/// One of the two files that grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Audio,
    Journal,
}

/// What is done in order.
#[derive(Debug)]
pub(super) enum Item {
    Write(Target, Bytes),
    Flush(Reply<()>),
    Finish(Reply<Finished>),
    /// The last handle is gone.
    Close,
}

pub(super) type Reply<T> = oneshot::Sender<io::Result<T>>;

/// The audio file once it is finished.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) path: PathBuf,
    pub(super) size_bytes: u64,
    /// `None` if an earlier process wrote some of it.
    pub(super) sha256: Option<Sha256>,
}

/// A file, and where the next bytes go.
#[derive(Debug)]
pub(super) struct GrowingFile {
    pub(super) file: Arc<File>,
    pub(super) offset: u64,
    /// Where the first bytes went.
    start: u64,
    /// Its size when it was opened.
    size: u64,
    pub(super) is_dirty: bool,
}

/// An open folder.
#[derive(Debug)]
pub(super) struct OpenFolder {
    pub(super) audio_path: PathBuf,
    pub(super) audio: GrowingFile,
    pub(super) journal: GrowingFile,
    /// Digest of the audio so far; `None` if an earlier process wrote some of it.
    pub(super) digest: Option<Sha256>,
    pub(super) queue: VecDeque<Item>,
}

impl GrowingFile {
    pub(super) fn new(file: File, offset: u64, size: u64) -> Self {
        Self {
            file: Arc::new(file),
            offset,
            start: offset,
            size,
            is_dirty: false,
        }
    }

    fn write(&mut self, disk: &dyn Disk, bytes: &[u8]) -> io::Result<usize> {
        let written = match disk.write_at(&self.file, bytes, self.offset) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => written,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
            Err(error) => return Err(error),
        };
        self.offset += written as u64;
        self.is_dirty |= written > 0;
        Ok(written)
    }

    /// Cuts what an earlier process left after the end. If nothing was written, the file stays as it is.
    fn end(&mut self) -> io::Result<u64> {
        if self.size > self.offset && self.offset > self.start {
            self.file.set_len(self.offset)?;
            self.size = self.offset;
        }
        Ok(self.size.max(self.offset))
    }
}

impl OpenFolder {
    /// Writes what waits, up to the first item that is not bytes. Returns how many bytes were written, also if an error
    /// follows them.
    pub(super) fn write_front(&mut self, disk: &dyn Disk) -> (usize, io::Result<()>) {
        let mut written = 0;
        while let Some((target, bytes)) = self.next_bytes() {
            let file = match target {
                Target::Audio => &mut self.audio,
                Target::Journal => &mut self.journal,
            };
            match file.write(disk, &bytes) {
                Ok(count) => {
                    if let (Target::Audio, Some(digest)) = (target, &mut self.digest) {
                        digest.update(&bytes[..count]);
                    }
                    self.consume(count);
                    written += count;
                }
                Err(error) => return (written, Err(error)),
            }
        }
        (written, Ok(()))
    }

    /// Returns the size of the audio file, which ends where the last page does.
    pub(super) fn end_audio(&mut self) -> io::Result<Finished> {
        Ok(Finished {
            path: self.audio_path.clone(),
            size_bytes: self.audio.end()?,
            sha256: self.digest.clone(),
        })
    }

    /// Returns the files that have bytes which are not on stable storage, the journal first: it describes the pages.
    pub(super) fn take_dirty(&mut self) -> Vec<Arc<File>> {
        let files = [&mut self.journal, &mut self.audio].into_iter();
        let dirty = files.filter_map(|file| std::mem::take(&mut file.is_dirty).then(|| Arc::clone(&file.file)));
        dirty.collect()
    }

    /// Returns both files, which are then considered clean.
    pub(super) fn files(&mut self) -> Vec<Arc<File>> {
        self.take_dirty();
        vec![Arc::clone(&self.journal.file), Arc::clone(&self.audio.file)]
    }

    pub(super) fn is_dirty(&self) -> bool {
        self.journal.is_dirty || self.audio.is_dirty
    }

    pub(super) fn waiting_bytes(&self) -> usize {
        let bytes = self.queue.iter().map(|item| match item {
            Item::Write(_, bytes) => bytes.len(),
            Item::Flush(_) | Item::Finish(_) | Item::Close => 0,
        });
        bytes.sum()
    }

    /// Returns the next bytes for one file, several pieces together.
    fn next_bytes(&self) -> Option<(Target, Bytes)> {
        let mut pieces = self.queue.iter().map_while(|item| match item {
            Item::Write(target, bytes) => Some((*target, bytes)),
            Item::Flush(_) | Item::Finish(_) | Item::Close => None,
        });
        let (target, first) = pieces.next()?;
        let mut total = first.len();
        let more: Vec<_> = pieces
            .take_while(|(next, bytes)| {
                total += bytes.len();
                *next == target && total <= MAX_WRITE_BYTES
            })
            .map(|(_, bytes)| bytes)
            .collect();
        if more.is_empty() {
            return Some((target, first.clone()));
        }
        let mut joined = first.to_vec();
        for piece in more {
            joined.extend_from_slice(piece);
        }
        Some((target, joined.into()))
    }

    /// Removes bytes from the front of the queue.
    fn consume(&mut self, mut count: usize) {
        while let Some(Item::Write(_, bytes)) = self.queue.front_mut() {
            if count < bytes.len() {
                let _written = bytes.split_to(count);
                return;
            }
            count -= bytes.len();
            self.queue.pop_front();
            if count == 0 {
                return;
            }
        }
    }
}
