//! Settings, from the environment or from arguments of the same names. `--help` is the reference.

use std::{net::SocketAddr, num::NonZeroUsize, path::PathBuf, sync::Arc};

pub use boot::config::ConfigError;
use boot::{
    SecretError,
    config::{ConfigErrors, DailyArgs, DatabaseArgs, LivekitApi, LivekitApiArgs, WebhookArgs, WherebyArgs},
    secret::SecretSource,
};
use chrono::TimeDelta;
use clap::{Args, value_parser};
use domain::clock::IdSource;
use domain::endpoint::NetworkPolicy;
use objects::{StorageArgs, StoreConfig};
use platform::{
    Platform,
    daily::{Daily, DailyConfig},
    livekit::LivekitConfig,
    whereby::{Whereby, WherebyConfig},
};
use secrecy::SecretString;
use url::Url;
use uuid::Uuid;

use crate::{context::Kept, engine::config::EngineArgs, pools::Pool, reconcile::EndLimits};

/// Jobs of each quick queue that one worker runs at once. They mostly wait for other services.
pub const QUICK_JOBS: usize = 8;

/// Settings as given, not checked yet.
#[derive(Clone, Debug, Args)]
pub struct WorkerConfig {
    /// Address that serves health and metrics
    #[arg(
        long,
        env = "TRACKSCRIBE_WORKER_BIND",
        default_value = "127.0.0.1:7083",
        value_name = "ADDRESS:PORT"
    )]
    pub bind: SocketAddr,
    #[command(flatten)]
    pub database: DatabaseArgs,
    /// Redis, for example redis://:password@host:6379
    #[arg(long, env = "REDIS_URL", hide_env_values = true, value_name = "URL")]
    pub redis_url: Option<SecretString>,
    /// File that contains the Redis URL
    #[arg(long, env = "REDIS_URL_FILE", value_name = "FILE")]
    pub redis_url_file: Option<PathBuf>,
    #[command(flatten)]
    pub livekit: LivekitApiArgs,
    #[command(flatten)]
    pub daily: DailyArgs,
    #[command(flatten)]
    pub whereby: WherebyArgs,
    /// Address at which the internet reaches Trackscribe's API, beginning with https. Daily is told to
    /// send its webhooks there; without it, create the webhook at Daily yourself
    #[arg(long = "public-url", env = "TRACKSCRIBE_PUBLIC_URL", value_name = "URL")]
    pub api_public_url: Option<Url>,
    /// How long only recorders may be in a room, in seconds, before the room is ended
    #[arg(
        long,
        env = "TRACKSCRIBE_DEPARTURE_TIMEOUT_S",
        default_value_t = 60,
        value_name = "SECONDS"
    )]
    pub departure_timeout_s: u32,
    /// How long a meeting may last, in hours, before its room is ended; 0 for no limit
    #[arg(
        long,
        env = "TRACKSCRIBE_MAX_MEETING_HOURS",
        default_value_t = 24,
        value_name = "HOURS"
    )]
    pub max_meeting_hours: u32,
    /// Add unknown LiveKit rooms as rooms with default settings when they are live
    #[arg(long, env = "TRACKSCRIBE_ADOPT_ROOMS", default_value = "false", value_name = "BOOL",
          num_args = 0..=1, default_missing_value = "true")]
    pub adopt_rooms: bool,
    /// Work that this worker does
    #[arg(long, env = "TRACKSCRIBE_WORKER_POOL", value_enum, default_value = "all")]
    pub pool: Pool,
    /// Recordings that this worker transcribes at once. With PocketSphinx, each keeps one core busy
    #[arg(
        long,
        env = "TRACKSCRIBE_TRANSCRIBE_CONCURRENCY",
        default_value = "1",
        value_name = "N"
    )]
    pub transcribe_concurrency: NonZeroUsize,
    /// Days for which webhooks are kept after they took effect. One that is repeated later takes effect again; platforms
    /// repeat for at most hours
    #[arg(long, env = "TRACKSCRIBE_KEEP_EVENTS_DAYS", default_value = "30", value_name = "DAYS",
          value_parser = value_parser!(u16).range(1..))]
    pub keep_events_days: u16,
    /// Days for which jobs are kept after they were done
    #[arg(long, env = "TRACKSCRIBE_KEEP_JOBS_DAYS", default_value = "7", value_name = "DAYS",
          value_parser = value_parser!(u16).range(1..))]
    pub keep_jobs_days: u16,
    #[command(flatten)]
    pub engine: EngineArgs,
    #[command(flatten)]
    pub webhooks: WebhookArgs,
    #[command(flatten)]
    pub storage: StorageArgs,
}

/// Checked settings.
pub struct Settings {
    pub bind: SocketAddr,
    pub database_url: SecretString,
    pub database_connections: u32,
    pub redis_url: SecretString,
    /// `None` if LiveKit is not used.
    pub livekit: Option<LivekitConfig>,
    /// The adapters of Daily and Whereby, if they are used.
    pub hosted: Vec<Arc<dyn Platform>>,
    pub recordings: StoreConfig,
    pub transcripts: StoreConfig,
    pub engine: EngineArgs,
    pub pool: Pool,
    pub adopt_rooms: bool,
    pub end_limits: EndLimits,
    pub transcribe_concurrency: usize,
    pub kept: Kept,
    pub webhook_networks: NetworkPolicy,
}

impl WorkerConfig {
    /// Checks all settings together.
    ///
    /// # Errors
    /// One error that names every missing or invalid setting.
    pub fn check(&self) -> Result<Settings, ConfigError> {
        let mut errors = ConfigErrors::default();
        let database_url = self.database.check(&mut errors);
        let redis_url = errors.ok(self.redis_url());
        let livekit = self.livekit.check(&mut errors);
        let recordings = errors.ok(self.storage.recordings());
        let transcripts = errors.ok(self.storage.transcripts());
        let hosted = self.hosted(&mut errors);
        if !(self.livekit.is_set() || self.daily.is_set() || self.whereby.is_set()) {
            let needed = [LivekitApiArgs::VARIABLES, DailyArgs::VARIABLES, WherebyArgs::VARIABLES];
            let needed = needed.map(|variables| variables.join(", ")).join("; or ");
            errors.add(format!(
                "no video platform is configured; set the variables of at least one: {needed}"
            ));
        }
        match (database_url, redis_url, recordings, transcripts) {
            (Some(database_url), Some(redis_url), Some(recordings), Some(transcripts)) if errors.is_empty() => {
                Ok(Settings {
                    bind: self.bind,
                    database_url,
                    database_connections: self.database.database_connections.get(),
                    redis_url,
                    livekit: livekit.map(|api| livekit_config(api, recordings.clone())),
                    hosted,
                    recordings,
                    transcripts,
                    engine: self.engine.clone(),
                    pool: self.pool,
                    adopt_rooms: self.adopt_rooms,
                    transcribe_concurrency: self.transcribe_concurrency.get(),
                    end_limits: EndLimits {
                        departure: TimeDelta::seconds(self.departure_timeout_s.into()),
                        longest: (self.max_meeting_hours > 0).then(|| TimeDelta::hours(self.max_meeting_hours.into())),
                    },
                    kept: Kept {
                        events: TimeDelta::days(self.keep_events_days.into()),
                        jobs: TimeDelta::days(self.keep_jobs_days.into()),
                    },
                    webhook_networks: NetworkPolicy {
                        allowed: self.webhooks.networks.clone(),
                        http: self.webhooks.http,
                    },
                })
            }
            _ => Err(errors.into_error("the worker's settings")),
        }
    }

    /// Returns the adapters of Daily and Whereby that are configured, or adds an error for each invalid setting.
    fn hosted(&self, errors: &mut ConfigErrors) -> Vec<Arc<dyn Platform>> {
        let ids: IdSource = Arc::new(Uuid::now_v7);
        let daily = self.daily.check(errors).and_then(|api| {
            let config = DailyConfig::new(api.url, api.key, api.webhook_secrets, ids.clone());
            let webhook_url = self.daily_webhook_url(errors)?;
            errors.ok(Daily::new(DailyConfig { webhook_url, ..config }))
        });
        let whereby = self.whereby.check(errors).and_then(|api| {
            let config = WherebyConfig::new(api.url, api.key, api.webhook_secrets, ids);
            errors.ok(Whereby::new(config))
        });
        let daily = daily.map(|daily| Arc::new(daily) as Arc<dyn Platform>);
        let whereby = whereby.map(|whereby| Arc::new(whereby) as Arc<dyn Platform>);
        daily.into_iter().chain(whereby).collect()
    }

    /// Returns the address for Daily's webhooks, which is `None` inside if the public address is not set.
    fn daily_webhook_url(&self, errors: &mut ConfigErrors) -> Option<Option<String>> {
        let Some(public) = &self.api_public_url else {
            return Some(None);
        };
        if !matches!(public.scheme(), "http" | "https") {
            errors.add(format!(
                "TRACKSCRIBE_PUBLIC_URL={public} must start with https:// or http://"
            ));
            return None;
        }
        Some(Some(format!(
            "{}/v1/daily/webhook",
            public.as_str().trim_end_matches('/')
        )))
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
}

/// Completes the settings of LiveKit's API. The worker receives no webhooks and issues no tokens, so the rest is unused.
fn livekit_config(api: LivekitApi, recordings: StoreConfig) -> LivekitConfig {
    LivekitConfig {
        public_url: api.url.clone(),
        url: api.url,
        api_key: api.key,
        api_secret: api.secret,
        webhook_keys: Vec::new(),
        departure_timeout: LivekitConfig::DEFAULT_DEPARTURE_TIMEOUT,
        empty_timeout: LivekitConfig::DEFAULT_EMPTY_TIMEOUT,
        max_participants: 0,
        identities: Arc::new(Uuid::now_v7),
        key_of: Arc::new(move |location| recordings.key_of(location)),
    }
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
    fn defaults_fill_in_everything_but_addresses_and_keys() {
        let settings = Cli::try_parse_from(GOOD).unwrap().worker.check().unwrap();

        assert_eq!(settings.livekit.unwrap().url, "ws://127.0.0.1:7880");
        assert_eq!(settings.transcribe_concurrency, 1);
        assert_eq!(
            (settings.kept.events, settings.kept.jobs),
            (TimeDelta::days(30), TimeDelta::days(7))
        );
        let none = GOOD.into_iter().chain(["--keep-events-days=0"]);
        assert!(Cli::try_parse_from(none).is_err());
    }

    #[test]
    fn each_platform_works_alone_and_daily_is_told_our_address() {
        boot::tls::install_provider();
        let alone = GOOD.into_iter().filter(|arg| !arg.contains("livekit"));
        let daily = [
            "--daily-api-key=k",
            "--daily-webhook-secret=AAECAwQFBgcICQoLDA0ODw==",
            "--public-url=https://trackscribe.test/",
        ];
        let args: Vec<&str> = alone.chain(daily).collect();

        let worker = Cli::try_parse_from(args).unwrap().worker;
        let settings = worker.check().unwrap();

        assert!(settings.livekit.is_none() && settings.hosted.len() == 1);
        let webhook_url = worker.daily_webhook_url(&mut ConfigErrors::default()).unwrap();
        assert_eq!(
            webhook_url.as_deref(),
            Some("https://trackscribe.test/v1/daily/webhook")
        );
    }

    #[test]
    fn all_missing_settings_are_named_at_once() {
        let mut bad = Cli::try_parse_from(GOOD).unwrap().worker;
        (bad.database.database_url, bad.redis_url) = (None, None);
        (
            bad.livekit.livekit_url,
            bad.livekit.livekit_api_key,
            bad.livekit.livekit_api_secret,
        ) = (None, None, None);
        bad.storage = StorageArgs::default();

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
