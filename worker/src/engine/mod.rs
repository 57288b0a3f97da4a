//! Speech engines behind one trait: PocketSphinx and Whisper, each in a child process ([`host`]), and servers with OpenAI's
//! API.
//!
//! An engine receives chunks of at most 28 s. It does not know recordings or meetings. One that is missing or down is
//! [`EngineError::Unavailable`], and never keeps a worker from starting.

pub mod config;
#[cfg(test)]
pub mod fake;
pub mod host;
pub mod http;
pub mod pocketsphinx;
mod unusable;
#[cfg(feature = "whisper")]
pub mod whisper;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::pipeline::window::Chunking;

/// One chunk of audio: mono, 16 kHz.
pub type Audio = Arc<[i16]>;

/// Recognizes words in audio. One instance serves the whole process.
#[async_trait]
pub trait Engine: Send + Sync {
    /// Makes the engine ready, which may take seconds the first time, and describes it.
    async fn ready(&self) -> Result<EngineInfo, EngineError>;

    /// Transcribes one chunk. Dropping the future cancels it, although a thread may continue for a while.
    async fn transcribe(&self, audio: Audio, hint: &Hint) -> Result<ChunkTranscript, EngineError>;
}

/// An engine that is ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineInfo {
    /// Identifies engine, model and options. Chunks that were transcribed under another key are transcribed again.
    pub key: String,
    /// The chunks that suit this engine.
    pub chunking: Chunking,
}

/// What is known about the audio.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hint {
    /// The room's language, ISO 639-1; `None` if the engine should detect it.
    pub language: Option<String>,
}

/// The words recognized in one chunk.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChunkTranscript {
    /// In order, in chunk time.
    pub words: Vec<RecognizedWord>,
    /// Mean natural logarithm of the token probabilities.
    pub avg_logprob: Option<f32>,
    /// Probability that nobody spoke, 0 to 1.
    pub no_speech: Option<f32>,
}

/// One recognized word. Its times are chunk time when an engine returns it, recording time after `pipeline::filter`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecognizedWord {
    pub text: String,
    pub start_ms: u64,
    pub end_ms: u64,
    /// 0 to 1; `None` if the engine does not report it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f32>,
    /// Whether the times were interpolated by text length, because the engine reports only longer pieces.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub interpolated: bool,
}

impl RecognizedWord {
    pub fn new(text: impl Into<String>, start_ms: u64, end_ms: u64) -> Self {
        Self {
            text: text.into(),
            start_ms,
            end_ms,
            confidence: None,
            interpolated: false,
        }
    }
}

/// Why a chunk was not transcribed.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The engine is down, missing or busy. It may work later, `after` this time if the engine named one.
    #[error("{what}; it will be retried later")]
    Unavailable {
        what: String,
        after: Option<Duration>,
        #[source]
        why: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// The engine failed on this chunk. Another attempt may succeed.
    #[error("{what}")]
    Failed {
        what: String,
        #[source]
        why: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// This chunk ends the engine's process each time, other chunks do not.
    #[error("{what}")]
    Crashed { what: String },
    /// It will not work until someone changes the settings.
    #[error("{0}")]
    Refused(String),
}

/// Why an engine cannot be loaded. The message names the remedy.
#[derive(Debug, thiserror::Error)]
pub enum EngineSetupError {
    #[error("{what}; {remedy}")]
    Missing {
        what: String,
        remedy: String,
        #[source]
        why: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    #[error("{variable} {problem}")]
    Setting { variable: &'static str, problem: String },
}
