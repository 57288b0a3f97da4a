//! An engine for tests that returns fixed words, counts its calls, and can be blocked or made to fail.

use std::sync::{
    Mutex,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use async_trait::async_trait;
use media::opus::decode::SampleTime16k;
use tokio::sync::Semaphore;

use super::{Audio, ChunkTranscript, Engine, EngineError, EngineInfo, Hint, RecognizedWord};
use crate::pipeline::window::Chunking;

/// The words that it returns, one per chunk.
const WORDS: [&str; 8] = ["one", "two", "three", "four", "five", "six", "seven", "eight"];

/// The fake engine. Transcribes as many chunks as it has permits.
pub struct FakeEngine {
    calls: AtomicUsize,
    panics: AtomicBool,
    permits: Semaphore,
    failure: Mutex<Option<(usize, EngineError)>>,
}

impl Default for FakeEngine {
    fn default() -> Self {
        Self {
            calls: AtomicUsize::new(0),
            panics: AtomicBool::new(false),
            permits: Semaphore::new(Semaphore::MAX_PERMITS),
            failure: Mutex::default(),
        }
    }
}

impl FakeEngine {
    /// Returns an engine that waits for [`FakeEngine::allow`].
    pub fn blocked() -> Self {
        Self {
            permits: Semaphore::new(0),
            ..Self::default()
        }
    }

    /// Lets this many more chunks through.
    pub fn allow(&self, chunks: usize) {
        self.permits.add_permits(chunks);
    }

    /// Fails one chunk, after this many were transcribed.
    pub fn fail_after(&self, calls: usize, error: EngineError) {
        *self.failure.lock().unwrap() = Some((calls, error));
    }

    /// Panics at every chunk from now on.
    pub fn panic(&self) {
        self.panics.store(true, Ordering::SeqCst);
    }

    fn failure(&self) -> Option<EngineError> {
        let mut failure = self.failure.lock().unwrap();
        failure
            .take_if(|(calls, _)| *calls == self.calls())
            .map(|(_, error)| error)
    }

    /// Returns the number of chunks transcribed so far.
    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Engine for FakeEngine {
    async fn ready(&self) -> Result<EngineInfo, EngineError> {
        Ok(EngineInfo {
            key: "fake".to_owned(),
            chunking: Chunking::UTTERANCES,
        })
    }

    async fn transcribe(&self, audio: Audio, _hint: &Hint) -> Result<ChunkTranscript, EngineError> {
        self.permits
            .acquire()
            .await
            .expect("the fake never closes its semaphore")
            .forget();
        if let Some(error) = self.failure() {
            return Err(error);
        }
        assert!(!self.panics.load(Ordering::SeqCst), "the fake was told to panic");
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        let word = RecognizedWord::new(
            WORDS[call % WORDS.len()],
            200,
            SampleTime16k::from_len(audio.len()).as_millis().saturating_sub(200),
        );
        Ok(ChunkTranscript {
            words: vec![word],
            ..ChunkTranscript::default()
        })
    }
}
