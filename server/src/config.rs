//! The server's settings, from the environment or arguments. `--help` is the reference.

mod livekit;
mod signing;

use std::{net::SocketAddr, num::NonZeroU32, sync::Arc};

pub use boot::config::ConfigError;
use boot::config::{ConfigErrors, DatabaseArgs, WebhookArgs};
use clap::Args;
use domain::{endpoint::NetworkPolicy, event::PlatformKind};
use ipnet::IpNet;
pub use livekit::LivekitArgs;
use objects::{StorageArgs, StoreConfig};
use platform::livekit::LivekitConfig;
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
    /// Video platform of rooms created without one
    #[arg(
        long,
        env = "DEFAULT_VIDEO_PLATFORM",
        default_value = "livekit",
        value_name = "PLATFORM"
    )]
    pub default_video_platform: PlatformKind,
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
    pub livekit: LivekitConfig,
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
        let store = errors.ok(self.storage.recordings());
        if self.default_video_platform != PlatformKind::Livekit {
            errors.add(format!(
                "DEFAULT_VIDEO_PLATFORM={} is not supported yet; use livekit",
                self.default_video_platform
            ));
        }
        let signing_secrets = self.signing.check(&mut errors);
        match (database_url, livekit, store) {
            (Some(database_url), Some(livekit), Some(store)) if errors.is_empty() => Ok(Settings {
                signing_secrets,
                ..self.settings(database_url, livekit, store)
            }),
            _ => Err(errors.into_error("the server's settings")),
        }
    }

    fn settings(&self, database_url: SecretString, livekit: LivekitConfig, store: StoreConfig) -> Settings {
        let recordings = store.clone();
        let livekit = LivekitConfig {
            key_of: Arc::new(move |location| recordings.key_of(location)),
            ..livekit
        };
        Settings {
            bind: self.bind,
            database_url,
            database_connections: self.database.database_connections.get(),
            livekit,
            store,
            limits: LimitOptions {
                per_key: self.rate_per_key,
                per_address: self.rate_per_address,
                trusted_proxies: self.trusted_proxies.clone(),
            },
            signing_secrets: Vec::new(),
            options: Options {
                default_platform: self.default_video_platform,
                adopt_rooms: self.adopt_rooms,
                webhook_networks: NetworkPolicy {
                    allowed: self.webhooks.networks.clone(),
                    http: self.webhooks.http,
                },
            },
        }
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

        assert_eq!(settings.livekit.public_url, "ws://127.0.0.1:7880");
        assert_eq!(settings.livekit.webhook_keys[0].id, "key");
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
    fn a_short_signing_secret_is_refused_and_several_are_accepted() {
        let with = |secrets: &str| check(&[&GOOD[..], &[&format!("--signing-secret={secrets}")]].concat());
        let (long, other) = ("0123456789abcdef".repeat(2), "fedcba9876543210".repeat(2));

        let both = with(&format!("{long}, {other}")).unwrap();
        let short = with(&format!("{long},short")).err().unwrap().to_string();

        assert_eq!(both.signing_secrets.len(), 2);
        assert!(
            short.contains("TRACKSCRIBE_SIGNING_SECRET") && !short.contains(&long),
            "{short}"
        );
        assert_eq!(check(&GOOD).unwrap().signing_secrets.len(), 0);
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
