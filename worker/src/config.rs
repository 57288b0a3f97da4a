//! What the operator sets: the environment, or arguments of the same names. `--help` is the reference.

use std::{net::SocketAddr, num::NonZeroU32, num::NonZeroUsize, path::PathBuf, sync::Arc};

use anyhow::Context;
use boot::{SecretError, secret::SecretSource};
use clap::Args;
use objects::{StorageArgs, StoreConfig};
use platform::livekit::LivekitConfig;
use secrecy::SecretString;
use url::Url;
use uuid::Uuid;

use crate::engine::config::EngineArgs;

/// Jobs of the quick queues that one worker does at once; they wait for others more than they compute.
pub const QUICK_JOBS: usize = 8;

/// As it was given, nothing checked yet.
#[derive(Clone, Debug, Args)]
pub struct WorkerConfig {
    /// Where health and metrics are served
    #[arg(
        long,
        env = "TRACKSCRIBE_WORKER_BIND",
        default_value = "127.0.0.1:7083",
        value_name = "ADDRESS:PORT"
    )]
    pub bind: SocketAddr,
    /// PostgreSQL, for example postgres://user:password@host:5432/trackscribe
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_name = "URL")]
    pub database_url: Option<SecretString>,
    /// File that holds it
    #[arg(long, env = "DATABASE_URL_FILE", value_name = "FILE")]
    pub database_url_file: Option<PathBuf>,
    /// Connections to PostgreSQL at most
    #[arg(
        long,
        env = "TRACKSCRIBE_DATABASE_CONNECTIONS",
        default_value = "20",
        value_name = "N"
    )]
    pub database_connections: NonZeroU32,
    /// Redis, for example redis://:password@host:6379
    #[arg(long, env = "REDIS_URL", hide_env_values = true, value_name = "URL")]
    pub redis_url: Option<SecretString>,
    /// File that holds it
    #[arg(long, env = "REDIS_URL_FILE", value_name = "FILE")]
    pub redis_url_file: Option<PathBuf>,
    /// How we reach LiveKit, for example ws://127.0.0.1:7880
    #[arg(long, env = "LIVEKIT_URL", value_name = "URL")]
    pub livekit_url: Option<Url>,
    /// The id of the API key
    #[arg(long, env = "LIVEKIT_API_KEY", value_name = "ID")]
    pub livekit_api_key: Option<String>,
    /// The secret of the API key; from the environment rather, an argument is seen by all
    #[arg(
        long,
        env = "LIVEKIT_API_SECRET",
        hide_env_values = true,
        hide = true,
        value_name = "SECRET"
    )]
    pub livekit_api_secret: Option<SecretString>,
    /// File that holds the secret of the API key
    #[arg(long, env = "LIVEKIT_API_SECRET_FILE", value_name = "FILE")]
    pub livekit_api_secret_file: Option<PathBuf>,
    /// Make a room of every platform room that is not ours, with the default settings
    #[arg(long, env = "TRACKSCRIBE_ADOPT_ROOMS", default_value = "false", value_name = "BOOL",
          num_args = 0..=1, default_missing_value = "true")]
    pub adopt_rooms: bool,
    /// Recordings that this worker transcribes at once; each keeps a core busy with PocketSphinx
    #[arg(
        long,
        env = "TRACKSCRIBE_TRANSCRIBE_CONCURRENCY",
        default_value = "1",
        value_name = "N"
    )]
    pub transcribe_concurrency: NonZeroUsize,
    #[command(flatten)]
    pub engine: EngineArgs,
    #[command(flatten)]
    pub storage: StorageArgs,
}

/// What the worker needs, checked as a whole.
pub struct Settings {
    pub bind: SocketAddr,
    pub database_url: SecretString,
    pub database_connections: u32,
    pub redis_url: SecretString,
    pub livekit: LivekitConfig,
    pub recordings: StoreConfig,
    pub transcripts: StoreConfig,
    pub engine: EngineArgs,
    pub adopt_rooms: bool,
    pub transcribe_concurrency: usize,
}

/// All that is wrong with the settings, a line each.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the worker's settings cannot be used:\n  {}", .0.join("\n  "))]
pub struct ConfigError(Vec<String>);

impl WorkerConfig {
    /// Checks everything, and names all that is wrong at once.
    pub fn check(&self) -> Result<Settings, ConfigError> {
        let mut problems = Vec::new();
        let database_url = take(&mut problems, self.database_url());
        let redis_url = take(&mut problems, self.redis_url());
        let livekit = self.livekit(&mut problems);
        let recordings = take(&mut problems, self.storage.recordings());
        let transcripts = take(&mut problems, self.storage.transcripts());
        problems.dedup();
        match (database_url, redis_url, livekit, recordings, transcripts) {
            (Some(database_url), Some(redis_url), Some(livekit), Some(recordings), Some(transcripts)) => Ok(Settings {
                bind: self.bind,
                database_url,
                database_connections: self.database_connections.get(),
                redis_url,
                livekit,
                recordings,
                transcripts,
                engine: self.engine.clone(),
                adopt_rooms: self.adopt_rooms,
                transcribe_concurrency: self.transcribe_concurrency.get(),
            }),
            _ => Err(ConfigError(problems)),
        }
    }

    fn database_url(&self) -> Result<SecretString, SecretError> {
        let (value, file) = (self.database_url.as_ref(), self.database_url_file.as_deref());
        SecretSource {
            name: "DATABASE_URL",
            value,
            file,
        }
        .required()
    }

    fn redis_url(&self) -> Result<SecretString, SecretError> {
        let (value, file) = (self.redis_url.as_ref(), self.redis_url_file.as_deref());
        SecretSource {
            name: "REDIS_URL",
            value,
            file,
        }
        .required()
    }

    fn livekit_secret(&self) -> Result<SecretString, SecretError> {
        let (value, file) = (
            self.livekit_api_secret.as_ref(),
            self.livekit_api_secret_file.as_deref(),
        );
        SecretSource {
            name: "LIVEKIT_API_SECRET",
            value,
            file,
        }
        .required()
    }

    /// The worker hears no webhooks and hands out no tokens, so it needs less than the server.
    fn livekit(&self, problems: &mut Vec<String>) -> Option<LivekitConfig> {
        let url = take(problems, livekit_address(self.livekit_url.as_ref()));
        let api_key = take(
            problems,
            self.livekit_api_key
                .clone()
                .filter(|key| !key.is_empty())
                .context(NO_KEY),
        );
        let api_secret = take(problems, self.livekit_secret());
        let url = url?;
        Some(LivekitConfig {
            public_url: url.clone(),
            url,
            api_key: api_key?,
            api_secret: api_secret?,
            webhook_keys: Vec::new(),
            departure_timeout: LivekitConfig::DEFAULT_DEPARTURE_TIMEOUT,
            empty_timeout: LivekitConfig::DEFAULT_EMPTY_TIMEOUT,
            max_participants: 0,
            identities: Arc::new(Uuid::now_v7),
        })
    }
}

const NO_KEY: &str = "LIVEKIT_API_KEY is not set; set it to the id of a key of livekit.yaml";

fn livekit_address(url: Option<&Url>) -> anyhow::Result<String> {
    let example = "an example: ws://127.0.0.1:7880";
    let url = url.with_context(|| format!("LIVEKIT_URL is not set; {example}"))?;
    if !matches!(url.scheme(), "ws" | "wss" | "http" | "https") {
        anyhow::bail!("LIVEKIT_URL={url} must be a ws, wss, http or https address; {example}");
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

fn take<T>(problems: &mut Vec<String>, value: Result<T, impl Into<anyhow::Error>>) -> Option<T> {
    value
        .map_err(|problem| problems.push(format!("{:#}", problem.into())))
        .ok()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        worker: WorkerConfig,
    }

    const GOOD: [&str; 7] = [
        "worker",
        "--database-url=postgres://localhost/trackscribe",
        "--redis-url=redis://127.0.0.1",
        "--livekit-url=ws://127.0.0.1:7880/",
        "--livekit-api-key=key",
        "--livekit-api-secret=0123456789abcdef0123456789abcdef",
        "--storage=file:///tmp/objects",
    ];

    #[test]
    fn few_settings_suffice() {
        let settings = Cli::try_parse_from(GOOD).unwrap().worker.check().unwrap();

        assert_eq!(settings.livekit.url, "ws://127.0.0.1:7880");
        assert_eq!(settings.transcribe_concurrency, 1);
    }

    #[test]
    fn everything_that_is_missing_is_named_at_once() {
        let good = Cli::try_parse_from(GOOD).unwrap().worker;
        let bad = WorkerConfig {
            database_url: None,
            redis_url: None,
            livekit_url: None,
            livekit_api_key: None,
            livekit_api_secret: None,
            storage: StorageArgs::default(),
            ..good
        };

        let error = bad.check().map(drop).unwrap_err().to_string();

        for name in [
            "DATABASE_URL",
            "REDIS_URL",
            "LIVEKIT_URL",
            "LIVEKIT_API_KEY",
            "LIVEKIT_API_SECRET",
            "STORAGE",
        ] {
            assert!(error.contains(name), "{name}: {error}");
        }
    }
}
