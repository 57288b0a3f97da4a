//! The file as the demuxer sees it: with limits on what it may read at a time.

use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use symphonia::core::io::{MediaSource, MediaSourceStream};
use thiserror::Error;

use super::ImportError;

/// Enough to recognize every format.
const PROBE_BYTES: u64 = 12;

/// The container of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Matroska,
    Mp4,
    Wav,
    Adts,
}

/// The bytes that the demuxer may still read. It keeps what it reads of the headers, so this bounds its memory as well.
#[derive(Clone, Debug)]
pub(super) struct Budget(Arc<AtomicU64>);

/// The demuxer read more than one step may take.
#[derive(Debug, Error)]
#[error("its headers or a packet are too long")]
pub(super) struct LimitExceeded;

/// A source whose reads are counted against a [`Budget`].
struct LimitedSource<R> {
    inner: R,
    budget: Budget,
    format: Format,
}

impl Format {
    /// Recognizes the format by its first bytes and returns to the start.
    pub(super) fn probe(source: &mut (impl Read + Seek)) -> Result<Self, ImportError> {
        let mut first = Vec::new();
        let read = source.by_ref().take(PROBE_BYTES).read_to_end(&mut first);
        read.and_then(|_| source.rewind()).map_err(ImportError::Io)?;
        match first[..] {
            [] => Err(ImportError::Empty),
            [0x1a, 0x45, 0xdf, 0xa3, ..] => Ok(Self::Matroska),
            [_, _, _, _, b'f', b't', b'y', b'p', ..] => Ok(Self::Mp4),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'A', b'V', b'E', ..] => Ok(Self::Wav),
            // 12 bits of sync word, then the layer, which is always 0 (ISO 14496-3 section 1.A.2.2)
            [0xff, second, ..] if second & 0xf6 == 0xf0 => Ok(Self::Adts),
            _ => Err(ImportError::UnknownFormat),
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Matroska => "Matroska",
            Self::Mp4 => "MP4",
            Self::Wav => "WAV",
            Self::Adts => "ADTS",
        }
    }
}

impl Budget {
    pub(super) fn new(bytes: u64) -> Self {
        Self(Arc::new(AtomicU64::new(bytes)))
    }

    /// Allows this many bytes from now on.
    pub(super) fn set(&self, bytes: u64) {
        self.0.store(bytes, Ordering::Relaxed);
    }

    fn spend(&self, bytes: u64) -> io::Result<()> {
        let left = self.0.load(Ordering::Relaxed).checked_sub(bytes);
        let left = left.ok_or_else(|| io::Error::other(LimitExceeded))?;
        self.0.store(left, Ordering::Relaxed);
        Ok(())
    }
}

/// Returns the file as a stream for symphonia.
pub(super) fn limited<'s>(
    inner: impl Read + Seek + Send + Sync + 's,
    format: Format,
    budget: Budget,
) -> MediaSourceStream<'s> {
    let source = LimitedSource { inner, budget, format };
    MediaSourceStream::new(Box::new(source), Default::default())
}

impl<R: Read + Seek> Read for LimitedSource<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.budget.spend(read as u64)?;
        Ok(read)
    }
}

impl<R: Seek> Seek for LimitedSource<R> {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        self.inner.seek(position)
    }
}

impl<R: Read + Seek + Send + Sync> MediaSource for LimitedSource<R> {
    /// Only MP4 needs it: its index may be at the end. The others are read from start to end, so that what is left of a
    /// file that is cut off can be read.
    fn is_seekable(&self) -> bool {
        self.format == Format::Mp4
    }

    /// The demuxer does not need it, and ignores elements that end after the end of the file if it knows it.
    fn byte_len(&self) -> Option<u64> {
        None
    }
}
