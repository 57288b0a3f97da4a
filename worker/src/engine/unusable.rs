//! An engine whose settings are wrong.

use async_trait::async_trait;

use super::{Audio, ChunkTranscript, Engine, EngineError, EngineInfo, Hint};

/// Contains what is wrong. Whoever uses the engine is told so; the job waits until someone corrects the setting.
pub struct UnusableEngine(pub String);

impl UnusableEngine {
    fn error(&self) -> EngineError {
        EngineError::Unavailable {
            what: self.0.clone(),
            after: None,
            why: None,
        }
    }
}

#[async_trait]
impl Engine for UnusableEngine {
    async fn ready(&self) -> Result<EngineInfo, EngineError> {
        Err(self.error())
    }

    async fn transcribe(&self, _audio: Audio, _hint: &Hint) -> Result<ChunkTranscript, EngineError> {
        Err(self.error())
    }
}
