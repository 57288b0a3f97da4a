//! An engine whose work is done by children.

use std::{
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use media::opus::decode::SampleTime16k;
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::{Instant, sleep},
};

use super::{
    child::{ChildError, EngineChild, HostCommand},
    protocol::{Load, Reply},
};
use crate::{
    backoff,
    engine::{Audio, ChunkTranscript, Engine, EngineError, EngineInfo, Hint},
    log::chain,
};

/// A chunk may take this long, plus so many times its length: a large model on a busy machine is slow.
const BASE_TIMEOUT: Duration = Duration::from_secs(60);
const TIMEOUT_FACTOR: u32 = 20;

/// Children that a chunk may cost before it is given up. One may have been killed by mistake.
const MAX_CRASHES: u32 = 3;

/// Longest pause before a child is started after others have failed.
const MAX_PAUSE: Duration = Duration::from_secs(60);

/// Longest pause that a chunk waits for. For a longer one the job is postponed, which keeps no slot busy.
const MAX_WAIT: Duration = Duration::from_secs(5);

/// A second of silence. An engine that fails on it is broken; if it does not, the chunk is to blame.
const PROBE_SAMPLES: usize = 16_000;

/// Starts as many children as chunks are transcribed at once, when they are needed, and keeps them.
pub struct HostedEngine {
    command: HostCommand,
    load: Load,
    /// Shorter in tests.
    pub(super) max_pause: Duration,
    pub(super) base_timeout: Duration,
    slots: Semaphore,
    idle: Mutex<Vec<EngineChild>>,
    info: OnceLock<EngineInfo>,
    failures: Mutex<Failures>,
}

/// Starts and requests that failed in a row.
#[derive(Default)]
struct Failures {
    count: u32,
    last: String,
    retry_at: Option<Instant>,
}

impl HostedEngine {
    /// Starts nothing yet.
    pub fn new(command: HostCommand, load: Load, concurrency: usize) -> Self {
        Self {
            command,
            load,
            max_pause: MAX_PAUSE,
            base_timeout: BASE_TIMEOUT,
            slots: Semaphore::new(concurrency.max(1)),
            idle: Mutex::default(),
            info: OnceLock::new(),
            failures: Mutex::default(),
        }
    }

    async fn slot(&self) -> SemaphorePermit<'_> {
        self.slots.acquire().await.expect("the semaphore is never closed")
    }

    /// Takes an idle child, or starts one.
    async fn child(&self) -> Result<EngineChild, EngineError> {
        let idle = lock(&self.idle).pop();
        if let Some(child) = idle {
            return Ok(child);
        }
        self.wait_for_restart().await?;
        let child = EngineChild::start(&self.command, &self.load).await;
        let child = child.map_err(|error| self.failed(&error))?;
        self.info.get_or_init(|| child.info.clone());
        Ok(child)
    }

    /// Waits for a short pause after failures; refuses to wait for a long one.
    async fn wait_for_restart(&self) -> Result<(), EngineError> {
        let (pause, last) = {
            let failures = lock(&self.failures);
            let left = |at: Instant| at.saturating_duration_since(Instant::now());
            (failures.retry_at.map_or(Duration::ZERO, left), failures.last.clone())
        };
        if pause > MAX_WAIT {
            return Err(EngineError::Unavailable {
                what: last,
                after: Some(pause),
                why: None,
            });
        }
        sleep(pause).await;
        Ok(())
    }

    /// Counts a failure of a child, and returns it as an outage of the engine.
    fn failed(&self, error: &ChildError) -> EngineError {
        let what = chain(error);
        let mut failures = lock(&self.failures);
        failures.count = failures.count.saturating_add(1);
        failures.last.clone_from(&what);
        let pause = backoff::with_jitter(failures.count, self.max_pause);
        failures.retry_at = Some(Instant::now() + pause);
        tracing::warn!(failures = failures.count, error = what, "the speech engine failed");
        metrics::counter!("trackscribe_engine_failures_total").increment(1);
        EngineError::Unavailable {
            what,
            after: None,
            why: None,
        }
    }

    /// Asks one child; a child that fails is dropped, which kills it.
    async fn ask(&self, audio: &[i16], hint: &Hint) -> Result<Result<Reply, ChildError>, EngineError> {
        let mut child = self.child().await?;
        let length = Duration::from_millis(SampleTime16k::from_len(audio.len()).as_millis());
        let limit = self.base_timeout + TIMEOUT_FACTOR * length;
        let reply = child.transcribe(audio, hint, limit).await;
        if reply.is_ok() {
            lock(&self.idle).push(child);
            *lock(&self.failures) = Failures::default();
        }
        Ok(reply)
    }

    /// Asks until a child answers. When a chunk has ended several children, it is given up.
    async fn ask_again(&self, audio: &[i16], hint: &Hint) -> Result<Reply, EngineError> {
        let mut crashes = 0;
        loop {
            match self.ask(audio, hint).await? {
                Ok(reply) => return Ok(reply),
                Err(error) => {
                    self.failed(&error);
                    crashes += 1;
                    if crashes == MAX_CRASHES {
                        return Err(self.blame(&error).await);
                    }
                }
            }
        }
    }

    /// Says whether the chunk or the engine is to blame for children that ended.
    async fn blame(&self, last: &ChildError) -> EngineError {
        match self.ask(&[0; PROBE_SAMPLES], &Hint::default()).await {
            Ok(Ok(_)) => EngineError::Crashed {
                what: format!("{MAX_CRASHES} processes of the speech engine ended: {}", chain(last)),
            },
            Ok(Err(error)) => self.failed(&error),
            Err(error) => error,
        }
    }
}

#[async_trait]
impl Engine for HostedEngine {
    async fn ready(&self) -> Result<EngineInfo, EngineError> {
        if let Some(info) = self.info.get() {
            return Ok(info.clone());
        }
        let _slot = self.slot().await;
        let child = self.child().await?;
        let info = child.info.clone();
        lock(&self.idle).push(child);
        Ok(info)
    }

    async fn transcribe(&self, audio: Audio, hint: &Hint) -> Result<ChunkTranscript, EngineError> {
        let _slot = self.slot().await;
        match self.ask_again(&audio, hint).await? {
            Reply::Transcript {
                words,
                avg_logprob,
                no_speech,
            } => Ok(ChunkTranscript {
                words,
                avg_logprob,
                no_speech,
            }),
            Reply::Refused { what } => Err(EngineError::Refused(what)),
            Reply::Failed { what } | Reply::Missing { what } => Err(EngineError::Failed { what, why: None }),
            Reply::Loaded { .. } => unreachable!("a child's answer to a chunk is never this one"),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
