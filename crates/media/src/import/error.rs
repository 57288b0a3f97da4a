//! Why a file cannot be imported.

use std::io;

use symphonia::core::errors::Error as DemuxError;
use thiserror::Error;

use crate::opus::HeadError;

/// Why a file cannot be imported. All but [`Self::Io`] are properties of the file: another attempt ends in the same way.
#[derive(Debug, Error)]
pub enum ImportError {
    /// The file has no bytes.
    #[error("the file is empty")]
    Empty,
    /// The first bytes are not those of WebM, Matroska, MP4, WAV or ADTS.
    #[error("the file is neither WebM, Matroska, MP4, WAV nor ADTS")]
    UnknownFormat,
    /// The container's headers cannot be read.
    #[error("cannot read the headers of the {format} file: {reason}")]
    Headers {
        /// The container's name.
        format: &'static str,
        /// What the demuxer says.
        reason: String,
    },
    /// There is no audio in the file.
    #[error("the file has no audio stream")]
    NoAudio,
    /// There is more than one audio stream, and nothing says which of them counts.
    #[error("the file has {0} audio streams; one is expected")]
    SeveralAudioStreams(usize),
    /// The audio is in a codec that is not decoded here.
    #[error("the audio stream cannot be decoded: {0}")]
    Codec(String),
    /// The header of an Opus stream is not supported.
    #[error("the header of the Opus stream is not valid")]
    OpusHead(#[from] HeadError),
    /// There is an audio stream without a single valid packet.
    #[error("the audio stream has no valid packet")]
    NoPackets,
    /// The timestamps claim a length that no recording has.
    #[error("a packet claims to be at {at_s} s; recordings are at most {limit_s} s long")]
    TooLong {
        /// The position of the packet in seconds.
        at_s: i64,
        /// The longest recording in seconds.
        limit_s: i64,
    },
    /// The source failed. It may work another time.
    #[error("cannot read the file")]
    Io(#[source] io::Error),
}

/// Why the rest of a file could not be read. What precedes it was imported.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Damage {
    /// The file ends before its last element does.
    #[error("the file is cut off")]
    Truncated,
    /// The bytes make no sense.
    #[error("the file is damaged: {0}")]
    Malformed(String),
}

impl ImportError {
    /// Whether another attempt may succeed.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Io(_))
    }

    pub(super) fn headers(format: &'static str, error: DemuxError) -> Self {
        match error {
            DemuxError::IoError(error) if is_from_source(&error) => Self::Io(error),
            other => Self::Headers {
                format,
                reason: describe(&other),
            },
        }
    }
}

impl Damage {
    /// Says what an error of the demuxer means for a file of which a part was read.
    ///
    /// # Errors
    /// The source failed.
    pub(super) fn of(error: DemuxError) -> Result<Self, ImportError> {
        match error {
            DemuxError::IoError(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(Self::Truncated),
            DemuxError::IoError(error) if is_from_source(&error) => Err(ImportError::Io(error)),
            other => Ok(Self::Malformed(describe(&other))),
        }
    }
}

/// Whether the source failed. The demuxer reports the end of the file, and we report our limits, as errors of the same type.
fn is_from_source(error: &io::Error) -> bool {
    let is_limit = error
        .get_ref()
        .is_some_and(|inner| inner.is::<super::source::LimitExceeded>());
    error.kind() != io::ErrorKind::UnexpectedEof && !is_limit
}

fn describe(error: &DemuxError) -> String {
    match error {
        DemuxError::IoError(error) if error.kind() == io::ErrorKind::UnexpectedEof => "the file is cut off".to_owned(),
        other => other.to_string(),
    }
}
