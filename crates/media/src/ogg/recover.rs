//! Finds where a file that was cut anywhere can be continued.

use std::io::{self, Read};

use bytes::Bytes;
use thiserror::Error;

/// The end of a file of one Ogg/Opus stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileTail {
    /// Where the next page goes. 0 if the file has no audio: it is then started anew.
    pub valid_bytes: u64,
    /// Where the last whole page ends; whatever follows is torn.
    pub whole_bytes: u64,
    /// Length of the audio, 48 kHz, including [`held`](Self::held).
    pub samples: u64,
    /// Number of the next page.
    pub next_page: u32,
    /// Serial number of the stream.
    pub serial: u32,
    /// Packets of the last page, if that ends the stream: the next page starts with them and replaces it. Each with its
    /// samples.
    pub held: Vec<(Bytes, u32)>,
}

/// Why a file cannot be continued.
#[derive(Debug, Error)]
pub enum RecoverError {
    /// The file contains audio pages, but does not start with `OpusHead`.
    #[error("the file does not start with a page that contains OpusHead")]
    NotOpus,
    /// The source failed.
    #[error("cannot read the file")]
    Io(#[from] io::Error),
}

/// Finds the last whole page, in bounded memory.
///
/// # Errors
/// The source fails, or contains audio but does not start with `OpusHead`.
pub fn recover(source: impl Read) -> Result<FileTail, RecoverError> {
    let _ = source;
    Err(RecoverError::NotOpus)
}
