//! Speech recognisers behind one trait: PocketSphinx, Whisper in this process, a server that speaks OpenAI's API.
//!
//! An engine is given chunks of at most half a minute and hears nothing of recordings or meetings.

pub mod config;
#[cfg(test)]
pub mod fake;
pub mod http;
pub mod pocketsphinx;
#[cfg(feature = "whisper")]
pub mod whisper;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::pipeline::window::Chunking;

/// One chunk of speech: mono, 16 kHz.
pub type Audio = Arc<[i16]>;

/// Turns speech into words. One instance serves the whole process.
#[async_trait]
pub trait Engine: Send + Sync {
    /// Engine, model and options: what was heard under another key is heard again.
    fn key(&self) -> &str;

    /// What it wants to be given.
    fn chunking(&self) -> Chunking;

    /// Hears one chunk. Dropping the future gives the chunk up; a thread that works on it may go on for a while.
    async fn transcribe(&self, audio: Audio, hint: &Hint) -> Result<ChunkTranscript, EngineError>;
}

/// What is known beforehand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hint {
    /// ISO 639-1, as the room says; `None` lets an engine that can do it find out.
    pub language: Option<String>,
}

/// What was heard in one chunk.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChunkTranscript {
    /// In order, in time of the chunk.
    pub words: Vec<RecognizedWord>,
    /// Mean natural logarithm of the tokens' probabilities.
    pub avg_logprob: Option<f32>,
    /// How likely it is that nobody spoke, 0 to 1.
    pub no_speech: Option<f32>,
}

/// One word, in time of its chunk as it leaves an engine, in time of the recording after `pipeline::filter`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecognizedWord {
    pub text: String,
    pub start_ms: u64,
    pub end_ms: u64,
    /// 0 to 1; none where the engine gives none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f32>,
    /// The engine gave times for longer pieces only; these were spread by length.
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

/// Why a chunk was not heard.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// It may work later; `after` where the engine said when.
    #[error("{what}; it is tried again later")]
    Busy {
        what: String,
        after: Option<Duration>,
        #[source]
        why: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// It will not work until somebody changes something.
    #[error("{0}")]
    Refused(String),
}

/// Why an engine cannot be had. The message names the remedy.
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
