//! The server's settings, from the environment or arguments. `--help` is the reference.

mod livekit;
pub mod platforms;
mod signing;

use std::{net::SocketAddr, num::NonZeroU32, sync::Arc};

pub use boot::config::ConfigError;
use boot::config::{ConfigErrors, DatabaseArgs, WebhookArgs};
use clap::Args;
use domain::{endpoint::NetworkPolicy, event::PlatformKind};
use ipnet::IpNet;
pub use livekit::LivekitArgs;
use objects::{StorageArgs, StoreConfig};
use platform::{Platform, livekit::LivekitConfig};
pub use platforms::HostedArgs;
use secrecy::SecretString;
pub use signing::SigningArgs;

use crate::{
    limits::{LimitOptions, parse_network},
    state::Options,
};

/// The unchecked settings.
#[derive(Clone, Debug, Args)]
#[group(skip)]
pub struct ServerConfig {
    /// Address and port of the HTTP API
    #[arg(
        long,
        env = "TRACKSCRIBE_BIND",
        default_value = "127.0.0.1:1250",
        value_name = "ADDRESS:PORT"
    )]
    pub bind: SocketAddr,
    #[command(flatten)]
    pub database: DatabaseArgs,
    /// Video platform of rooms created without one: livekit, daily or whereby; defaults to the first of them that is configured
    #[arg(long, env = "DEFAULT_VIDEO_PLATFORM", value_name = "PLATFORM")]
    pub default_video_platform: Option<PlatformKind>,
    /// Add unknown LiveKit rooms as rooms with default settings when they appear in a webhook
    #[arg(long, env = "TRACKSCRIBE_ADOPT_ROOMS", default_value = "false", value_name = "BOOL",
          num_args = 0..=1, default_missing_value = "true")]
    pub adopt_rooms: bool,
    /// Requests per second per API key; bursts may be four times as large
    #[arg(long, env = "TRACKSCRIBE_RATE_PER_KEY", default_value = "50", value_name = "N")]
    pub rate_per_key: NonZeroU32,
    /// Requests per second per client address; bursts may be four times as large
    #[arg(long, env = "TRACKSCRIBE_RATE_PER_ADDRESS", default_value = "100", value_name = "N")]
    pub rate_per_address: NonZeroU32,
    /// Proxies whose X-Forwarded-For is trusted: addresses, or networks such as 10.0.0.0/8, separated by commas
    #[arg(
        long,
        env = "TRACKSCRIBE_TRUSTED_PROXIES",
        default_value = "127.0.0.1,::1",
        value_delimiter = ',',
        value_parser = parse_network,
        value_name = "NETWORKS"
    )]
    pub trusted_proxies: Vec<IpNet>,
    #[command(flatten)]
    pub livekit: LivekitArgs,
    #[command(flatten)]
    pub hosted: HostedArgs,
    #[command(flatten)]
    pub webhooks: WebhookArgs,
    #[command(flatten)]
    pub storage: StorageArgs,
    #[command(flatten)]
    pub signing: SigningArgs,
}

/// The checked settings.
pub struct Settings {
    pub bind: SocketAddr,
    pub database_url: SecretString,
    pub database_connections: u32,
    /// `None` if LiveKit is not used.
    pub livekit: Option<LivekitConfig>,
    /// The adapters of Daily and Whereby, if they are used.
    pub hosted: Vec<Arc<dyn Platform>>,
    pub store: StoreConfig,
    pub limits: LimitOptions,
    /// The first one signs; all are accepted.
    pub signing_secrets: Vec<SecretString>,
    pub options: Options,
}

impl ServerConfig {
    /// Checks all settings and reports all errors at once.
    pub fn check(&self) -> Result<Settings, ConfigError> {
        let mut errors = ConfigErrors::default();
        let database_url = self.database.check(&mut errors);
        let livekit = self.livekit.check(&mut errors);
        let hosted = self.hosted.check(&mut errors);
        let store = errors.ok(self.storage.recordings());
        let default_platform = platforms::default_platform(self.default_video_platform, &self.platforms(), &mut errors);
        let signing_secrets = self.signing.check(&mut errors);
        match (database_url, default_platform, store) {
            (Some(database_url), Some(default_platform), Some(store)) if errors.is_empty() => Ok(Settings {
                bind: self.bind,
                database_url,
                database_connections: self.database.database_connections.get(),
                livekit: livekit.map(|livekit| with_store(livekit, &store)),
                hosted,
                limits: self.limits(),
                store,
                signing_secrets,
                options: Options {
                    default_platform,
                    adopt_rooms: self.adopt_rooms,
                    webhook_networks: NetworkPolicy {
                        allowed: self.webhooks.networks.clone(),
                        http: self.webhooks.http,
                    },
                },
            }),
            _ => Err(errors.into_error("the server's settings")),
        }
    }

    /// Returns the platforms of which a variable is set.
    fn platforms(&self) -> Vec<PlatformKind> {
        let is_set = |platform: &PlatformKind| match platform {
            PlatformKind::Livekit => self.livekit.api.is_set(),
            PlatformKind::Daily => self.hosted.daily.is_set(),
            PlatformKind::Whereby => self.hosted.whereby.is_set(),
            PlatformKind::Other => false,
        };
        PlatformKind::ALL.iter().copied().filter(is_set).collect()
    }

    fn limits(&self) -> LimitOptions {
        LimitOptions {
            per_key: self.rate_per_key,
            per_address: self.rate_per_address,
            trusted_proxies: self.trusted_proxies.clone(),
        }
    }
}

/// Lets LiveKit's adapter find recordings in the store.
fn with_store(livekit: LivekitConfig, store: &StoreConfig) -> LivekitConfig {
    let recordings = store.clone();
    LivekitConfig {
        key_of: Arc::new(move |location| recordings.key_of(location)),
        ..livekit
    }
}

#[cfg(test)]
mod tests {
    use clap::{Command, FromArgMatches, builder::Resettable};

    use super::*;

    const GOOD: [&str; 6] = [
        "--database-url=postgres://localhost/trackscribe",
        "--livekit-url=ws://127.0.0.1:7880",
        "--livekit-api-key=key",
        "--livekit-api-secret=0123456789abcdef0123456789abcdef",
        "--storage=file:///tmp/objects",
        "--bind=127.0.0.1:0",
    ];

    /// Parses arguments only: the environment of the test run must not matter.
    fn parse(args: &[&str]) -> ServerConfig {
        let command = ServerConfig::augment_args(Command::new("server")).mut_args(|arg| arg.env(Resettable::Reset));
        let matches = command.try_get_matches_from(["server"].iter().chain(args)).unwrap();
        ServerConfig::from_arg_matches(&matches).unwrap()
    }

    fn check(args: &[&str]) -> Result<Settings, ConfigError> {
        parse(args).check()
    }

    #[test]
    fn the_required_settings_suffice() {
        let settings = check(&GOOD).unwrap();

        let livekit = settings.livekit.unwrap();
        assert_eq!(livekit.public_url, "ws://127.0.0.1:7880");
        assert_eq!(livekit.webhook_keys[0].id, "key");
        assert_eq!(settings.options.default_platform, PlatformKind::Livekit);
        assert!(!settings.options.adopt_rooms);
    }

    #[test]
    fn all_errors_are_reported_at_once() {
        let message = check(&["--livekit-url=ftp://host"]).err().unwrap().to_string();

        for name in [
            "DATABASE_URL",
            "LIVEKIT_URL",
            "LIVEKIT_API_KEY",
            "LIVEKIT_API_SECRET",
            "TRACKSCRIBE_STORAGE",
        ] {
            assert!(message.contains(name), "{name} is missing in: {message}");
        }
    }

    #[test]
    fn several_webhook_keys_are_accepted_while_one_is_replaced() {
        let with = |args: &[&str]| check(&[&GOOD[..], args].concat());
        let ids = |settings: Settings| {
            let keys = settings.livekit.unwrap().webhook_keys;
            keys.into_iter().map(|key| key.id).collect::<Vec<_>>()
        };

        let same_id = with(&["--livekit-webhook-secret=new,old"]).unwrap();
        let pairs = with(&["--livekit-webhook-secret=new,old", "--livekit-webhook-key=a,b"]).unwrap();
        let unpaired = with(&["--livekit-webhook-secret=new", "--livekit-webhook-key=a,b"]);

        assert_eq!(ids(same_id), ["key", "key"]);
        assert_eq!(ids(pairs), ["a", "b"]);
        assert!(unpaired.err().unwrap().to_string().contains("2 ids"));
    }

    #[test]
    fn each_platform_works_alone_and_rooms_are_on_it() {
        boot::tls::install_provider();
        let alone: Vec<&str> = GOOD.into_iter().filter(|arg| !arg.contains("livekit")).collect();
        let with = |args: &[&str]| check(&[&alone[..], args].concat()).unwrap();
        let daily = ["--daily-api-key=k", "--daily-webhook-secret=AAECAwQFBgcICQoLDA0ODw=="];
        let whereby = ["--whereby-api-key=k", "--whereby-webhook-secret=s"];

        for (settings, kind) in [
            (with(&daily), PlatformKind::Daily),
            (with(&whereby), PlatformKind::Whereby),
            (with(&[&daily[..], &whereby].concat()), PlatformKind::Daily),
        ] {
            assert!(settings.livekit.is_none());
            assert_eq!(settings.options.default_platform, kind);
            assert_eq!(settings.hosted[0].kind(), kind);
        }
        let unused = check(&[&alone[..], &daily, &["--default-video-platform=livekit"]].concat());
        assert!(unused.err().unwrap().to_string().contains("LIVEKIT_API_SECRET"));
    }

    #[test]
    fn a_server_without_any_platform_does_not_start() {
        let without: Vec<&str> = GOOD.into_iter().filter(|arg| !arg.contains("livekit")).collect();

        let message = check(&without).err().unwrap().to_string();

        assert!(
            message.contains("LIVEKIT_URL") && message.contains("WHEREBY_API_KEY"),
            "{message}"
        );
    }

    #[test]
    fn debug_output_contains_no_secret() {
        let shown = format!("{:?}", parse(&GOOD));

        assert!(
            !shown.contains("0123456789abcdef") && !shown.contains("postgres://"),
            "{shown}"
        );
    }
}
