//! The messages between a worker and the child that runs its engine. Each is a length of four bytes, little-endian, and
//! that many bytes: JSON, or the samples of a chunk.

use std::{
    io::{self, Read},
    path::PathBuf,
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::engine::{ChunkTranscript, EngineInfo, RecognizedWord};
use crate::pipeline::window::Chunking;

/// Longest message. A chunk of 28 s has 0.9 MB, and its words with their times are shorter. An engine that loops may return
/// more; the child answers then that it failed.
pub const MAX_MESSAGE_BYTES: usize = 4 * 1024 * 1024;

/// What the worker asks for.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case")]
pub enum Request {
    /// Limit yourself and load an engine. The first request, once.
    Load(Load),
    /// Transcribe the samples of the next message.
    Transcribe { language: Option<String> },
}

/// The engine to load, and the limits of its process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Load {
    pub engine: LoadEngine,
    /// Address space.
    pub memory_bytes: u64,
    /// Added to the worker's.
    pub niceness: i32,
}

/// An engine that runs in a child.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum LoadEngine {
    Pocketsphinx {
        library: Option<PathBuf>,
        model: Option<PathBuf>,
    },
    Whisper {
        model: PathBuf,
        threads: usize,
    },
}

/// What the child answers.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case")]
pub enum Reply {
    Loaded {
        key: String,
        chunks: Chunks,
    },
    /// The engine cannot be loaded. Contains the error and its remedy.
    Missing {
        what: String,
    },
    Transcript {
        words: Vec<RecognizedWord>,
        avg_logprob: Option<f32>,
        no_speech: Option<f32>,
    },
    Failed {
        what: String,
    },
    Refused {
        what: String,
    },
}

/// The chunks that suit an engine.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Chunks {
    Windows,
    Utterances,
}

/// Why a message cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ProtocolError {
    #[error("the stream ended or failed")]
    Stream(#[from] io::Error),
    #[error("a message of {0} bytes is longer than allowed")]
    TooLong(usize),
    #[error("a message is not what the protocol allows here")]
    Unreadable(#[from] serde_json::Error),
    #[error("a chunk has an odd number of bytes")]
    OddLength,
}

/// Returns a message with its length before it.
pub fn frame(payload: &[u8]) -> Result<Vec<u8>, ProtocolError> {
    if payload.len() > MAX_MESSAGE_BYTES {
        return Err(ProtocolError::TooLong(payload.len()));
    }
    let length = u32::try_from(payload.len()).map_err(|_| ProtocolError::TooLong(payload.len()))?;
    Ok([&length.to_le_bytes(), payload].concat())
}

/// Returns a message of JSON with its length before it.
pub fn encode(message: &impl Serialize) -> Result<Vec<u8>, ProtocolError> {
    frame(&serde_json::to_vec(message)?)
}

/// Returns a message of samples with its length before it.
pub fn encode_audio(audio: &[i16]) -> Result<Vec<u8>, ProtocolError> {
    let bytes: Vec<u8> = audio.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    frame(&bytes)
}

pub fn decode<T: DeserializeOwned>(payload: &[u8]) -> Result<T, ProtocolError> {
    Ok(serde_json::from_slice(payload)?)
}

pub fn decode_audio(payload: &[u8]) -> Result<Vec<i16>, ProtocolError> {
    let samples = payload.chunks_exact(2);
    if !samples.remainder().is_empty() {
        return Err(ProtocolError::OddLength);
    }
    Ok(samples.map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect())
}

/// Reads the payload of the next message. A length that is not allowed is an error before anything is allocated for it.
pub fn read(reader: &mut impl Read) -> Result<Vec<u8>, ProtocolError> {
    let mut prefix = [0; 4];
    reader.read_exact(&mut prefix)?;
    let mut payload = vec![0; allowed(prefix)?];
    reader.read_exact(&mut payload)?;
    Ok(payload)
}

/// As [`read`], without blocking the thread.
pub async fn read_async(reader: &mut (impl AsyncRead + Unpin)) -> Result<Vec<u8>, ProtocolError> {
    let mut prefix = [0; 4];
    reader.read_exact(&mut prefix).await?;
    let mut payload = vec![0; allowed(prefix)?];
    reader.read_exact(&mut payload).await?;
    Ok(payload)
}

fn allowed(prefix: [u8; 4]) -> Result<usize, ProtocolError> {
    let length = usize::try_from(u32::from_le_bytes(prefix)).unwrap_or(usize::MAX);
    match length {
        0..=MAX_MESSAGE_BYTES => Ok(length),
        _ => Err(ProtocolError::TooLong(length)),
    }
}

impl Chunks {
    fn of(chunking: Chunking) -> Self {
        match chunking == Chunking::UTTERANCES {
            true => Self::Utterances,
            false => Self::Windows,
        }
    }

    fn chunking(self) -> Chunking {
        match self {
            Self::Windows => Chunking::WINDOWS,
            Self::Utterances => Chunking::UTTERANCES,
        }
    }
}

impl Reply {
    pub fn loaded(info: &EngineInfo) -> Self {
        Self::Loaded {
            key: info.key.clone(),
            chunks: Chunks::of(info.chunking),
        }
    }

    pub fn transcript(transcript: ChunkTranscript) -> Self {
        Self::Transcript {
            words: transcript.words,
            avg_logprob: transcript.avg_logprob.filter(|p| p.is_finite()),
            no_speech: transcript.no_speech.filter(|p| p.is_finite()),
        }
    }
}

/// Returns what a child says about its engine.
pub fn info(key: String, chunks: Chunks) -> EngineInfo {
    EngineInfo {
        key,
        chunking: chunks.chunking(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_read_back_as_written() {
        let request = Request::Transcribe {
            language: Some("de".to_owned()),
        };
        let audio = [0, 1, -1, i16::MAX, i16::MIN];
        let stream = [encode(&request).unwrap(), encode_audio(&audio).unwrap()].concat();
        let mut reader = &stream[..];

        let first: Request = decode(&read(&mut reader).unwrap()).unwrap();
        let second = decode_audio(&read(&mut reader).unwrap()).unwrap();

        assert_eq!((first, &second[..]), (request, &audio[..]));
        assert!(matches!(read(&mut reader), Err(ProtocolError::Stream(_))));
    }

    #[test]
    fn a_length_that_is_not_allowed_is_refused_before_it_is_allocated() {
        for length in [MAX_MESSAGE_BYTES as u32 + 1, u32::MAX] {
            let stream = length.to_le_bytes();

            assert!(matches!(read(&mut &stream[..]), Err(ProtocolError::TooLong(_))));
        }
        assert!(matches!(
            frame(&vec![0; MAX_MESSAGE_BYTES + 1]),
            Err(ProtocolError::TooLong(_))
        ));
    }

    #[test]
    fn hostile_bytes_are_errors() {
        let hostile: [&[u8]; 6] = [
            b"",
            b"\x05",
            b"\x05\x00\x00\x00ab",
            b"\x02\x00\x00\x00{}",
            b"\x04\x00\x00\x00null",
            b"Segmentation fault (core dumped)",
        ];

        for bytes in hostile {
            let message = read(&mut &bytes[..]).and_then(|payload| decode::<Reply>(&payload));
            assert!(message.is_err(), "{bytes:?}");
        }
        assert!(matches!(decode_audio(b"abc"), Err(ProtocolError::OddLength)));
    }

    #[test]
    fn every_cut_of_a_message_is_an_error() {
        let whole = encode(&Reply::Failed { what: "x".to_owned() }).unwrap();

        for end in 0..whole.len() {
            assert!(read(&mut &whole[..end]).is_err(), "{end}");
        }
    }

    #[test]
    fn numbers_that_json_cannot_write_do_not_make_a_transcript_unreadable() {
        let transcript = ChunkTranscript {
            words: Vec::new(),
            avg_logprob: Some(f32::NAN),
            no_speech: Some(f32::INFINITY),
        };

        let sent = encode(&Reply::transcript(transcript)).unwrap();
        let received: Reply = decode(&read(&mut &sent[..]).unwrap()).unwrap();

        assert_eq!(
            received,
            Reply::Transcript {
                words: Vec::new(),
                avg_logprob: None,
                no_speech: None,
            }
        );
    }
}
