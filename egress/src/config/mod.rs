//! What `egress.yaml` and the environment say, checked as a whole: LiveKit's keys, ours under `trackscribe`.
//!
//! A bad value stops the start with a message that names its key; an unknown key is a warning, so that a file made
//! for LiveKit's own worker can be used as it is.

mod args;
mod duration;
mod error;
mod load;
mod redis;
mod section;
pub mod storage;

use std::{net::IpAddr, path::PathBuf, time::Duration};

use secrecy::SecretString;
use url::Url;

pub use self::{
    args::ConfigArgs,
    error::ConfigError,
    storage::{StorageConfig, StoreConfig},
};
pub use crate::psrpc::RedisConfig;

/// Everything that the egress worker is told from outside.
#[derive(Clone, Debug)]
pub struct EgressConfig {
    pub api_key: String,
    pub api_secret: SecretString,
    /// How the worker reaches livekit-server's signalling.
    pub ws_url: Url,
    pub redis: RedisConfig,
    /// Where recordings go whose request names no store.
    pub storage: Option<StorageConfig>,
    /// For the binary's log filter: `debug`, `info`, `warn` or `error`.
    pub log_level: Option<String>,
    /// 0 is off.
    pub health_port: u16,
    /// 0 is off.
    pub prometheus_port: u16,
    pub limits: SessionLimits,
    pub trackscribe: TrackscribeConfig,
    /// What was odd but does no harm; `run` logs it, since logs are set up only after the configuration is known.
    pub warnings: Vec<String>,
}

/// When a recording is ended although its track goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionLimits {
    pub max_duration: Option<Duration>,
    pub max_size_bytes: Option<u64>,
}

/// Our own keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackscribeConfig {
    /// Part of the identity in rooms, `egress-{instance}`; different in every worker.
    pub instance: String,
    /// Where recordings lie until they are stored.
    pub spool: PathBuf,
    /// More than these are not taken on.
    pub max_recordings: usize,
    /// Whether requests for what this worker cannot record are offered for, at the lowest affinity, and refused.
    pub decline: bool,
    /// How long running recordings may go on after the first signal to stop; then they are ended and stored.
    pub drain_timeout: Duration,
    /// Where health and metrics listen.
    pub bind: IpAddr,
}

#[cfg(test)]
mod tests;
