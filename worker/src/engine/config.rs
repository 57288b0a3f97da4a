//! The choice of engine, and its settings.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use boot::secret::SecretSource;
use clap::ValueEnum;
use secrecy::SecretString;
use url::Url;

use super::{
    Engine, EngineSetupError,
    host::{HostCommand, HostedEngine, Load, LoadEngine},
    http, pocketsphinx,
    unusable::UnusableEngine,
};
use crate::log::chain;

const MEBIBYTE: u64 = 1024 * 1024;

/// The available engines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EngineKind {
    /// PocketSphinx, for clear English; needs its library and its English model on this machine.
    Pocketsphinx,
    /// Whisper on this machine; needs a model file and a binary built with the feature `whisper`.
    Whisper,
    /// A server that speaks OpenAI's transcription API.
    Http,
    /// No transcription in this worker; the queue `transcribe_track` is left to others.
    None,
}

/// Settings of the speech engine.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Speech recognition")]
pub struct EngineArgs {
    /// Speech engine
    #[arg(
        long = "engine",
        env = "TRACKSCRIBE_ENGINE",
        value_enum,
        default_value = "pocketsphinx"
    )]
    pub kind: EngineKind,

    /// Path of PocketSphinx's shared library, if the system cannot find libpocketsphinx.so.3
    #[arg(
        long = "engine-pocketsphinx-library",
        env = "TRACKSCRIBE_ENGINE_POCKETSPHINX_LIBRARY"
    )]
    pub pocketsphinx_library: Option<PathBuf>,

    /// Folder that contains PocketSphinx's en-us/, if it is not in a standard place
    #[arg(long = "engine-pocketsphinx-model", env = "TRACKSCRIBE_ENGINE_POCKETSPHINX_MODEL")]
    pub pocketsphinx_model: Option<PathBuf>,

    /// Whisper model in whisper.cpp's format
    #[arg(long = "engine-whisper-model", env = "TRACKSCRIBE_ENGINE_WHISPER_MODEL")]
    pub whisper_model: Option<PathBuf>,

    /// Threads that transcribe one chunk with Whisper
    #[arg(
        long = "engine-whisper-threads",
        env = "TRACKSCRIBE_ENGINE_WHISPER_THREADS",
        default_value_t = 4
    )]
    pub whisper_threads: usize,

    /// Memory, in MiB of address space, of each process that runs PocketSphinx or Whisper. One that needs more ends, and its
    /// chunk is tried again
    #[arg(
        long = "engine-memory-mb",
        env = "TRACKSCRIBE_ENGINE_MEMORY_MB",
        default_value_t = 4096
    )]
    pub memory_mb: u64,

    /// How much lower the CPU priority of these processes is than the worker's, 0 to 19
    #[arg(
        long = "engine-niceness",
        env = "TRACKSCRIBE_ENGINE_NICENESS",
        default_value_t = 10,
        value_parser = clap::value_parser!(i32).range(0..=19)
    )]
    pub niceness: i32,

    /// Full URL of the transcription endpoint, such as `https://api.openai.com/v1/audio/transcriptions`
    #[arg(long = "engine-http-url", env = "TRACKSCRIBE_ENGINE_HTTP_URL")]
    pub http_url: Option<Url>,

    /// Model that is requested from the server
    #[arg(
        long = "engine-http-model",
        env = "TRACKSCRIBE_ENGINE_HTTP_MODEL",
        default_value = "whisper-1"
    )]
    pub http_model: String,

    /// Bearer token for the server, if it requires one
    #[arg(
        long = "engine-http-api-key",
        env = "TRACKSCRIBE_ENGINE_HTTP_API_KEY",
        hide_env_values = true,
        hide = true
    )]
    pub http_api_key: Option<SecretString>,

    /// File that contains the bearer token
    #[arg(long = "engine-http-api-key-file", env = "TRACKSCRIBE_ENGINE_HTTP_API_KEY_FILE")]
    pub http_api_key_file: Option<PathBuf>,

    /// Simultaneous requests to the server. whisper.cpp's server handles one
    #[arg(
        long = "engine-http-concurrency",
        env = "TRACKSCRIBE_ENGINE_HTTP_CONCURRENCY",
        default_value_t = 1
    )]
    pub http_concurrency: usize,
}

impl EngineArgs {
    /// Returns the engine; `None` if this worker does not transcribe. Loads nothing. An engine whose settings are wrong
    /// says so whenever it is used: recording does not need one.
    pub fn open(&self, concurrency: usize) -> Option<Arc<dyn Engine>> {
        let engine = match self.kind {
            EngineKind::Pocketsphinx => Ok(self.hosted(self.pocketsphinx(), concurrency)),
            EngineKind::Whisper => self.whisper().map(|load| self.hosted(load, concurrency)),
            EngineKind::Http => self.http(),
            EngineKind::None => return None,
        };
        Some(engine.unwrap_or_else(|error| Arc::new(UnusableEngine(chain(&error)))))
    }

    fn hosted(&self, engine: LoadEngine, concurrency: usize) -> Arc<dyn Engine> {
        let load = Load {
            engine,
            memory_bytes: self.memory_mb.saturating_mul(MEBIBYTE),
            niceness: self.niceness,
        };
        Arc::new(HostedEngine::new(HostCommand::this_program(), load, concurrency))
    }

    fn pocketsphinx(&self) -> LoadEngine {
        LoadEngine::Pocketsphinx {
            library: self.pocketsphinx_library.clone(),
            model: self.pocketsphinx_model.clone(),
        }
    }

    fn whisper(&self) -> Result<LoadEngine, EngineSetupError> {
        let model = self.whisper_model.clone().ok_or_else(|| EngineSetupError::Setting {
            variable: "TRACKSCRIBE_ENGINE_WHISPER_MODEL",
            problem: "is not set; set it to a model in whisper.cpp's format".to_owned(),
        })?;
        Ok(LoadEngine::Whisper {
            model,
            threads: self.whisper_threads,
        })
    }

    fn http(&self) -> Result<Arc<dyn Engine>, EngineSetupError> {
        let url = self
            .http_url
            .clone()
            .filter(|url| matches!(url.scheme(), "http" | "https"));
        let url = url.ok_or_else(|| EngineSetupError::Setting {
            variable: "TRACKSCRIBE_ENGINE_HTTP_URL",
            problem: "must be an http or https URL, such as http://speech:8000/v1/audio/transcriptions".to_owned(),
        })?;
        let secret = SecretSource {
            name: "TRACKSCRIBE_ENGINE_HTTP_API_KEY",
            value: self.http_api_key.as_ref(),
            file: self.http_api_key_file.as_deref(),
        };
        let api_key = secret.optional().map_err(|why| EngineSetupError::Setting {
            variable: "TRACKSCRIBE_ENGINE_HTTP_API_KEY",
            problem: format!("cannot be used: {why}"),
        })?;
        Ok(Arc::new(http::HttpEngine::new(http::Options {
            url,
            model: self.http_model.clone(),
            api_key,
            concurrency: self.http_concurrency,
        })?))
    }
}

/// Loads an engine into this process, which may take seconds.
///
/// # Errors
/// Names the missing library, model or feature, and the remedy.
pub fn load(engine: &LoadEngine) -> Result<Arc<dyn Engine>, EngineSetupError> {
    match engine {
        LoadEngine::Pocketsphinx { library, model } => {
            let options = pocketsphinx::Options {
                library: library.clone(),
                model: model.clone(),
            };
            Ok(Arc::new(pocketsphinx::PocketSphinx::open(&options)?))
        }
        LoadEngine::Whisper { model, threads } => load_whisper(model, *threads),
    }
}

#[cfg(feature = "whisper")]
fn load_whisper(model: &Path, threads: usize) -> Result<Arc<dyn Engine>, EngineSetupError> {
    let model = model.to_owned();
    Ok(Arc::new(super::whisper::Whisper::open(&super::whisper::Options {
        model,
        threads,
    })?))
}

#[cfg(not(feature = "whisper"))]
fn load_whisper(_model: &Path, _threads: usize) -> Result<Arc<dyn Engine>, EngineSetupError> {
    Err(EngineSetupError::Setting {
        variable: "TRACKSCRIBE_ENGINE",
        problem: "is whisper, but this binary was built without it; build with `--features whisper`, or choose \
                  pocketsphinx, http or none"
            .to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        engine: EngineArgs,
    }

    fn open(arguments: &[&str]) -> Option<Arc<dyn Engine>> {
        boot::tls::install_provider();
        Cli::parse_from(["test"].iter().chain(arguments)).engine.open(1)
    }

    async fn error(arguments: &[&str]) -> String {
        open(arguments).unwrap().ready().await.unwrap_err().to_string()
    }

    #[tokio::test]
    async fn the_engine_is_chosen_by_one_setting() {
        let address = "http://127.0.0.1:9/v1/audio/transcriptions";

        let http = open(&["--engine", "http", "--engine-http-url", address]).unwrap();

        assert_eq!(http.ready().await.unwrap().key, "http/127.0.0.1/whisper-1");
        assert!(open(&["--engine", "none"]).is_none());
        assert!(open(&[]).is_some());
    }

    #[tokio::test]
    async fn a_wrong_setting_is_named_when_the_engine_is_used() {
        let http = error(&["--engine", "http"]).await;
        let scheme = error(&["--engine", "http", "--engine-http-url", "ftp://x/"]).await;
        let whisper = error(&["--engine", "whisper"]).await;

        assert!(http.contains("TRACKSCRIBE_ENGINE_HTTP_URL") && scheme.contains("TRACKSCRIBE_ENGINE_HTTP_URL"));
        assert!(whisper.contains("TRACKSCRIBE_ENGINE_WHISPER_MODEL"), "{whisper}");
    }

    #[tokio::test]
    async fn pocketsphinx_is_loaded_by_the_child() {
        let found = load(&LoadEngine::Pocketsphinx {
            library: None,
            model: None,
        });
        let missing = load(&LoadEngine::Pocketsphinx {
            library: Some("/nowhere/libpocketsphinx.so.3".into()),
            model: None,
        });

        assert_eq!(found.unwrap().ready().await.unwrap().key, "pocketsphinx/en-us");
        let missing = missing.map(drop).unwrap_err().to_string();
        assert!(missing.contains("TRACKSCRIBE_ENGINE"), "{missing}");
    }
}
