//! The choice of engine, and its settings.

use std::{path::PathBuf, sync::Arc};

use boot::secret::SecretSource;
use clap::ValueEnum;
use secrecy::SecretString;
use url::Url;

use super::{Engine, EngineSetupError, http, pocketsphinx};

/// The available engines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EngineKind {
    /// PocketSphinx, for clear English; needs its library and its English model on this machine.
    Pocketsphinx,
    /// Whisper in this process; needs a model file and a binary built with the feature `whisper`.
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
    /// Loads the engine, which may take seconds; `None` if this worker does not transcribe.
    ///
    /// # Errors
    /// Names the missing program, model or setting, and the remedy.
    pub fn open(&self) -> Result<Option<Arc<dyn Engine>>, EngineSetupError> {
        match self.kind {
            EngineKind::Pocketsphinx => self.pocketsphinx().map(Some),
            EngineKind::Whisper => self.whisper().map(Some),
            EngineKind::Http => self.http().map(Some),
            EngineKind::None => Ok(None),
        }
    }

    fn pocketsphinx(&self) -> Result<Arc<dyn Engine>, EngineSetupError> {
        let options = pocketsphinx::Options {
            library: self.pocketsphinx_library.clone(),
            model: self.pocketsphinx_model.clone(),
        };
        Ok(Arc::new(pocketsphinx::PocketSphinx::open(&options)?))
    }

    #[cfg(feature = "whisper")]
    fn whisper(&self) -> Result<Arc<dyn Engine>, EngineSetupError> {
        let model = self.whisper_model.clone().ok_or_else(|| EngineSetupError::Setting {
            variable: "TRACKSCRIBE_ENGINE_WHISPER_MODEL",
            problem: "is not set; set it to a model in whisper.cpp's format".to_owned(),
        })?;
        Ok(Arc::new(super::whisper::Whisper::open(&super::whisper::Options {
            model,
            threads: self.whisper_threads,
        })?))
    }

    #[cfg(not(feature = "whisper"))]
    fn whisper(&self) -> Result<Arc<dyn Engine>, EngineSetupError> {
        Err(EngineSetupError::Setting {
            variable: "TRACKSCRIBE_ENGINE",
            problem: "is whisper, but this binary was built without it; build with `--features whisper`, or choose \
                      pocketsphinx, http or none"
                .to_owned(),
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

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        engine: EngineArgs,
    }

    fn open(arguments: &[&str]) -> Result<Option<Arc<dyn Engine>>, EngineSetupError> {
        boot::tls::install_provider();
        Cli::parse_from(["test"].iter().chain(arguments)).engine.open()
    }

    #[test]
    fn the_engine_is_chosen_by_one_setting() {
        let address = "http://127.0.0.1:9/v1/audio/transcriptions";

        let http = open(&["--engine", "http", "--engine-http-url", address])
            .unwrap()
            .unwrap();

        assert_eq!(http.key(), "http/127.0.0.1/whisper-1");
        assert!(open(&["--engine", "none"]).unwrap().is_none());
        assert_eq!(open(&[]).unwrap().unwrap().key(), "pocketsphinx/en-us");
    }

    #[test]
    fn a_missing_setting_is_named() {
        let http = open(&["--engine", "http"]).map(drop).unwrap_err().to_string();
        let scheme = open(&["--engine", "http", "--engine-http-url", "ftp://x/"])
            .map(drop)
            .unwrap_err()
            .to_string();
        let whisper = open(&["--engine", "whisper"]).map(drop).unwrap_err().to_string();

        assert!(http.contains("TRACKSCRIBE_ENGINE_HTTP_URL") && scheme.contains("TRACKSCRIBE_ENGINE_HTTP_URL"));
        assert!(whisper.contains("TRACKSCRIBE_ENGINE"), "{whisper}");
    }
}
