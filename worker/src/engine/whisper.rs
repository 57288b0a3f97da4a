//! Whisper, through whisper.cpp.
//!
//! A failed assertion in whisper.cpp ends the process, so a worker runs it in a child.

#![expect(
    unsafe_code,
    reason = "the safe abort callback of whisper-rs 0.16.0 misreads its closure; the raw one is sound"
)]

use std::{
    ffi::c_void,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;
use media::opus::decode::SampleTime16k;
use sha2::{Digest, Sha256};
use tokio::task::spawn_blocking;
use whisper_rs::{
    FullParams, SamplingStrategy, WhisperContext, WhisperContextParameters, WhisperError, WhisperSegment, WhisperState,
};

use super::{Audio, ChunkTranscript, Engine, EngineError, EngineInfo, EngineSetupError, Hint, RecognizedWord};
use crate::pipeline::window::Chunking;

/// Unit of whisper.cpp's times.
const TICK_MS: i64 = 10;

/// Shorter audio is not passed to Whisper, which returns at best nothing for it.
const MIN_SAMPLES: usize = SampleTime16k::from_millis(100).0 as usize;

/// Length of the start of the model file that identifies a model: it contains all sizes and the vocabulary.
const FINGERPRINT_BYTES: u64 = 64 * 1024;

/// The model and its threads.
#[derive(Clone, Debug)]
pub struct Options {
    /// Path of a model in whisper.cpp's format.
    pub model: PathBuf,
    pub threads: usize,
}

/// The engine. The model is shared; as many states are kept as were ever used at once.
pub struct Whisper {
    key: String,
    shared: Arc<Shared>,
}

struct Shared {
    context: WhisperContext,
    threads: i32,
    idle: Mutex<Vec<WhisperState>>,
}

/// The data of the abort callback, which must outlive the call that it may abort.
struct Abort {
    is_cancelled: Arc<AtomicBool>,
}

/// Tells the worker thread to abort when the waiting future is dropped.
struct CancelOnDrop(Arc<AtomicBool>);

impl Whisper {
    /// Loads the model, which may take seconds.
    pub fn open(options: &Options) -> Result<Self, EngineSetupError> {
        whisper_rs::install_logging_hooks();
        let missing = |why: Box<dyn std::error::Error + Send + Sync>| EngineSetupError::Missing {
            what: format!("cannot load the Whisper model {}", options.model.display()),
            remedy: "set TRACKSCRIBE_ENGINE_WHISPER_MODEL to a model in whisper.cpp's format (ggml-….bin)".to_owned(),
            why: Some(why),
        };
        let fingerprint = fingerprint(&options.model).map_err(|why| missing(why.into()))?;
        let context = WhisperContext::new_with_params(&options.model, WhisperContextParameters::default());
        let context = context.map_err(|why| missing(why.into()))?;
        let threads = i32::try_from(options.threads.max(1)).unwrap_or(i32::MAX);
        let shared = Arc::new(Shared {
            context,
            threads,
            idle: Mutex::default(),
        });
        Ok(Self {
            key: format!("whisper/{fingerprint}"),
            shared,
        })
    }
}

#[async_trait]
impl Engine for Whisper {
    async fn ready(&self) -> Result<EngineInfo, EngineError> {
        Ok(EngineInfo {
            key: self.key.clone(),
            chunking: Chunking::WINDOWS,
        })
    }

    async fn transcribe(&self, audio: Audio, hint: &Hint) -> Result<ChunkTranscript, EngineError> {
        let guard = CancelOnDrop(Arc::default());
        let abort = Abort {
            is_cancelled: guard.0.clone(),
        };
        let (shared, hint) = (self.shared.clone(), hint.clone());
        let result = spawn_blocking(move || shared.transcribe(&audio, &hint, &abort)).await;
        let failed = |why: Box<dyn std::error::Error + Send + Sync>| EngineError::Failed {
            what: "Whisper could not transcribe a chunk".to_owned(),
            why: Some(why),
        };
        result
            .map_err(|why| failed(why.into()))?
            .map_err(|why| failed(why.into()))
    }
}

impl Shared {
    fn transcribe(&self, audio: &[i16], hint: &Hint, abort: &Abort) -> Result<ChunkTranscript, WhisperError> {
        if audio.len() < MIN_SAMPLES {
            return Ok(ChunkTranscript::default());
        }
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut state = idle.map_or_else(|| self.context.create_state(), Ok)?;
        let samples: Vec<f32> = audio.iter().map(|s| f32::from(*s) / 32_768.0).collect();
        state.full(self.params(hint, abort), &samples)?;
        let segments: Vec<_> = state.as_iter().map(|segment| self.words(&segment)).collect();
        let avg_logprob = avg_logprob(&segments);
        let words = segments.into_iter().flatten().collect();
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(state);
        // whisper.cpp 1.8.3 reads its silence probability from the wrong place, so it is not reported.
        Ok(ChunkTranscript {
            words,
            avg_logprob,
            no_speech: None,
        })
    }

    fn params<'a>(&self, hint: &'a Hint, abort: &Abort) -> FullParams<'a, 'static> {
        let mut params = FullParams::new(SamplingStrategy::Greedy { best_of: 1 });
        params.set_n_threads(self.threads);
        params.set_language(self.language(hint));
        params.set_token_timestamps(true);
        // With the previous text as context, Whisper repeats it where nobody speaks.
        params.set_no_context(true);
        params.set_print_progress(false);
        params.set_print_realtime(false);
        params.set_print_timestamps(false);
        // SAFETY: `abort` outlives the call of `full` that takes these parameters; nothing else receives them.
        unsafe {
            params.set_abort_callback(Some(is_cancelled));
            params.set_abort_callback_user_data(std::ptr::from_ref(abort).cast_mut().cast());
        }
        params
    }

    /// Returns the language to set; `None` lets the model detect it. An English-only model would detect any.
    fn language<'a>(&self, hint: &'a Hint) -> Option<&'a str> {
        if !self.context.is_multilingual() {
            return Some("en");
        }
        let known = hint
            .language
            .as_deref()
            .map(|l| l.split(['-', '_']).next().unwrap_or(l));
        known.filter(|l| whisper_rs::get_lang_id(l).is_some())
    }

    /// Joins tokens into words. A token that begins with a space begins a word.
    fn words(&self, segment: &WhisperSegment<'_>) -> Vec<RecognizedWord> {
        let mut words: Vec<TokenWord> = Vec::new();
        for token in (0..segment.n_tokens()).filter_map(|i| segment.get_token(i)) {
            let (Ok(bytes), data) = (token.to_bytes(), token.token_data()) else {
                continue;
            };
            if token.token_id() >= self.context.token_eot() {
                continue; // time stamps and other markers
            }
            let part = TokenWord {
                bytes: bytes.to_vec(),
                start_ms: to_ms(data.t0),
                end_ms: to_ms(data.t1),
                confidence: data.p,
            };
            match words.last_mut() {
                Some(word) if !bytes.starts_with(b" ") => word.append(&part),
                _ => words.push(part),
            }
        }
        words.into_iter().map(RecognizedWord::from).collect()
    }
}

/// One or more tokens of a word. The text is bytes, because a character may span two tokens.
struct TokenWord {
    bytes: Vec<u8>,
    start_ms: u64,
    end_ms: u64,
    confidence: f32,
}

impl TokenWord {
    fn append(&mut self, part: &Self) {
        self.bytes.extend(&part.bytes);
        self.end_ms = self.end_ms.max(part.end_ms);
        self.confidence = self.confidence.min(part.confidence);
    }
}

impl From<TokenWord> for RecognizedWord {
    fn from(word: TokenWord) -> Self {
        let text = String::from_utf8_lossy(&word.bytes);
        Self {
            confidence: Some(word.confidence),
            ..Self::new(text.trim(), word.start_ms, word.end_ms.max(word.start_ms))
        }
    }
}

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The abort callback. whisper.cpp calls it after each encoder pass and each token.
unsafe extern "C" fn is_cancelled(user_data: *mut c_void) -> bool {
    // SAFETY: `params` has set it to an `Abort` that outlives the call.
    unsafe { &*user_data.cast::<Abort>() }
        .is_cancelled
        .load(Ordering::Relaxed)
}

fn to_ms(ticks: i64) -> u64 {
    u64::try_from(ticks.saturating_mul(TICK_MS)).unwrap_or(0)
}

fn avg_logprob(segments: &[Vec<RecognizedWord>]) -> Option<f32> {
    let all: Vec<f32> = segments
        .iter()
        .flatten()
        .filter_map(|w| w.confidence)
        .map(|p| p.max(1e-6).ln())
        .collect();
    (!all.is_empty()).then(|| all.iter().sum::<f32>() / all.len() as f32)
}

/// Identifies a model without reading gigabytes.
fn fingerprint(model: &Path) -> std::io::Result<String> {
    use std::io::Read;
    let file = std::fs::File::open(model)?;
    let length = file.metadata()?.len();
    let mut start = Vec::new();
    file.take(FINGERPRINT_BYTES).read_to_end(&mut start)?;
    let digest = Sha256::new()
        .chain_update(length.to_le_bytes())
        .chain_update(&start)
        .finalize();
    Ok(hex::encode(&digest[..8]))
}

#[cfg(test)]
mod tests {
    use std::{process::Command, time::Duration};

    use super::*;
    use crate::pipeline::{Span, filter::filter};

    const HZ: f32 = SampleTime16k::HZ as f32;

    /// Generates a tiny model, which returns a fixed sentence with one word that depends on the audio.
    fn model(folder: &Path, options: &[&str]) -> Options {
        let path = folder.join("tiny.bin");
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/make_tiny_whisper_model.py");
        let status = Command::new("python3")
            .arg(script)
            .arg(&path)
            .args(options)
            .status()
            .unwrap();
        assert!(status.success());
        Options {
            model: path,
            threads: 1,
        }
    }

    fn tone(hertz: f32, seconds: f32) -> Audio {
        let samples = (seconds * HZ) as usize;
        (0..samples)
            .map(|i| ((i as f32 * hertz * std::f32::consts::TAU / HZ).sin() * 16_000.0) as i16)
            .collect()
    }

    fn text(transcript: &ChunkTranscript) -> String {
        transcript
            .words
            .iter()
            .map(|w| w.text.as_str())
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[tokio::test]
    async fn tones_are_distinguished_and_words_have_times() {
        let folder = tempfile::tempdir().unwrap();
        let whisper = Whisper::open(&model(folder.path(), &[])).unwrap();

        for (hertz, name) in [(300.0, "low"), (1200.0, "mid"), (2500.0, "high"), (5000.0, "top")] {
            let transcript = whisper.transcribe(tone(hertz, 3.0), &Hint::default()).await.unwrap();

            assert_eq!(
                text(&transcript),
                format!("hello from the tiny model i heard a {name} tone")
            );
            let (first, last) = (&transcript.words[0], &transcript.words[9]);
            assert!(
                first.start_ms < 100 && last.start_ms >= 1000 && last.end_ms <= 2100,
                "{transcript:?}"
            );
            assert!(
                transcript.words.iter().all(|w| w.confidence.is_some_and(|c| c > 0.2)),
                "{transcript:?}"
            );
        }
    }

    #[tokio::test]
    async fn a_loop_is_left_to_the_filter() {
        let folder = tempfile::tempdir().unwrap();
        let whisper = Whisper::open(&model(folder.path(), &["--loop"])).unwrap();

        let transcript = whisper.transcribe(tone(300.0, 5.0), &Hint::default()).await.unwrap();
        let whole = Span::from_millis(0, 5000);
        let filtered = filter(transcript.clone(), whole, &[whole]);

        assert!(transcript.words.len() > 50, "{}", transcript.words.len());
        assert!(
            filtered.words.len() < 20 && !filtered.dropped.is_empty(),
            "{:?}",
            filtered.dropped
        );
    }

    #[tokio::test]
    async fn an_unknown_language_is_detected_by_the_model() {
        let folder = tempfile::tempdir().unwrap();
        let multilingual = Whisper::open(&model(folder.path(), &[])).unwrap();
        let english = Whisper::open(&model(folder.path(), &["--english-only"])).unwrap();
        let hint = |language: &str| Hint {
            language: Some(language.to_owned()),
        };

        assert_eq!(multilingual.shared.language(&hint("de-CH")), Some("de"));
        assert_eq!(multilingual.shared.language(&hint("tlh")), None);
        assert_eq!(english.shared.language(&hint("de")), Some("en"));
        assert_eq!(
            text(&english.transcribe(tone(300.0, 2.0), &hint("de")).await.unwrap())
                .split(' ')
                .count(),
            10
        );
    }

    #[tokio::test]
    async fn very_short_audio_gives_no_words() {
        let folder = tempfile::tempdir().unwrap();
        let whisper = Whisper::open(&model(folder.path(), &[])).unwrap();

        for audio in [vec![], vec![3_000; MIN_SAMPLES - 1]] {
            assert_eq!(
                whisper.transcribe(audio.into(), &Hint::default()).await.unwrap(),
                ChunkTranscript::default()
            );
        }
    }

    #[tokio::test]
    async fn a_dropped_chunk_is_cancelled() {
        let folder = tempfile::tempdir().unwrap();
        let whisper = Whisper::open(&model(folder.path(), &["--loop"])).unwrap();
        let abort = Abort {
            is_cancelled: Arc::new(AtomicBool::new(true)),
        };

        let cancelled = whisper.shared.transcribe(&tone(300.0, 20.0), &Hint::default(), &abort);
        let hint = Hint::default();
        let timed_out =
            tokio::time::timeout(Duration::from_millis(1), whisper.transcribe(tone(300.0, 20.0), &hint)).await;

        assert!(cancelled.is_err());
        assert!(timed_out.is_err());
    }

    #[test]
    fn a_missing_model_is_named_with_the_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.bin");

        let missing = Whisper::open(&Options {
            model: path.clone(),
            threads: 1,
        })
        .map(drop)
        .unwrap_err();
        std::fs::write(&path, "not a model").unwrap();
        let damaged = Whisper::open(&Options {
            model: path,
            threads: 1,
        })
        .map(drop)
        .unwrap_err();

        for error in [missing, damaged] {
            assert!(
                error.to_string().contains("TRACKSCRIBE_ENGINE_WHISPER_MODEL"),
                "{error}"
            );
        }
    }
}
