//! What the operator sets: the environment, or arguments of the same names. `--help` is the reference.

mod livekit;

use std::{
    net::{IpAddr, SocketAddr},
    num::NonZeroU32,
};

pub use boot::config::ConfigError;
use boot::config::{ConfigErrors, DatabaseArgs};
use clap::Args;
use domain::event::PlatformKind;
pub use livekit::LivekitArgs;
use objects::{StorageArgs, StoreConfig};
use platform::livekit::LivekitConfig;
use secrecy::SecretString;

use crate::{limits::LimitOptions, state::Options};

/// As it was given, nothing checked yet.
#[derive(Clone, Debug, Args)]
#[group(skip)]
pub struct ServerConfig {
    /// Where to listen
    #[arg(
        long,
        env = "TRACKSCRIBE_BIND",
        default_value = "127.0.0.1:1250",
        value_name = "ADDRESS:PORT"
    )]
    pub bind: SocketAddr,
    #[command(flatten)]
    pub database: DatabaseArgs,
    /// The platform of rooms that name none
    #[arg(
        long,
        env = "DEFAULT_VIDEO_PLATFORM",
        default_value = "livekit",
        value_name = "PLATFORM"
    )]
    pub default_video_platform: PlatformKind,
    /// Make a room of every platform room that is not ours, with the default settings
    #[arg(long, env = "TRACKSCRIBE_ADOPT_ROOMS", default_value = "false", value_name = "BOOL",
          num_args = 0..=1, default_missing_value = "true")]
    pub adopt_rooms: bool,
    /// Requests a second of one API key; four times as many at once
    #[arg(long, env = "TRACKSCRIBE_RATE_PER_KEY", default_value = "50", value_name = "N")]
    pub rate_per_key: NonZeroU32,
    /// Requests a second from one address; four times as many at once
    #[arg(long, env = "TRACKSCRIBE_RATE_PER_ADDRESS", default_value = "100", value_name = "N")]
    pub rate_per_address: NonZeroU32,
    /// Proxies whose X-Forwarded-For is believed, separated by commas
    #[arg(
        long,
        env = "TRACKSCRIBE_TRUSTED_PROXIES",
        default_value = "127.0.0.1,::1",
        value_delimiter = ',',
        value_name = "ADDRESSES"
    )]
    pub trusted_proxies: Vec<IpAddr>,
    #[command(flatten)]
    pub livekit: LivekitArgs,
    #[command(flatten)]
    pub storage: StorageArgs,
}

/// What the server needs, checked as a whole.
pub struct Settings {
    pub bind: SocketAddr,
    pub database_url: SecretString,
    pub database_connections: u32,
    pub livekit: LivekitConfig,
    pub store: StoreConfig,
    pub limits: LimitOptions,
    pub options: Options,
}

impl ServerConfig {
    /// Checks everything, and names all that is wrong at once.
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
        match (database_url, livekit, store) {
            (Some(database_url), Some(livekit), Some(store)) if errors.is_empty() => {
                Ok(self.settings(database_url, livekit, store))
            }
            _ => Err(errors.into_error("the server's settings")),
        }
    }

    fn settings(&self, database_url: SecretString, livekit: LivekitConfig, store: StoreConfig) -> Settings {
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
            options: Options {
                default_platform: self.default_video_platform,
                adopt_rooms: self.adopt_rooms,
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

    /// From arguments alone: the environment of who runs the tests is left out.
    fn parse(args: &[&str]) -> ServerConfig {
        let command = ServerConfig::augment_args(Command::new("server")).mut_args(|arg| arg.env(Resettable::Reset));
        let matches = command.try_get_matches_from(["server"].iter().chain(args)).unwrap();
        ServerConfig::from_arg_matches(&matches).unwrap()
    }

    fn check(args: &[&str]) -> Result<Settings, ConfigError> {
        parse(args).check()
    }

    #[test]
    fn few_settings_suffice() {
        let settings = check(&GOOD).unwrap();

        assert_eq!(settings.livekit.public_url, "ws://127.0.0.1:7880");
        assert_eq!(settings.livekit.webhook_keys[0].id, "key");
        assert!(!settings.options.adopt_rooms);
    }

    #[test]
    fn all_that_is_wrong_is_named_at_once() {
        let complaint = check(&["--livekit-url=ftp://host"]).err().unwrap().to_string();

        for name in [
            "DATABASE_URL",
            "LIVEKIT_URL",
            "LIVEKIT_API_KEY",
            "LIVEKIT_API_SECRET",
            "TRACKSCRIBE_STORAGE",
        ] {
            assert!(complaint.contains(name), "{name} is missing in: {complaint}");
        }
    }

    #[test]
    fn no_secret_shows_when_settings_are_printed() {
        let shown = format!("{:?}", parse(&GOOD));

        assert!(
            !shown.contains("0123456789abcdef") && !shown.contains("postgres://"),
            "{shown}"
        );
    }
}
