//! The configuration from `egress.yaml` and the environment: LiveKit's keys, and ours under `trackscribe`.
//!
//! All of it is checked at start. An invalid value is an error that names its key. An unknown key is a warning, so
//! that a file written for LiveKit's own worker can be used unchanged.

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

/// The configuration of the worker.
#[derive(Clone, Debug)]
pub struct EgressConfig {
    pub api_key: String,
    pub api_secret: SecretString,
    /// livekit-server's signalling endpoint.
    pub ws_url: Url,
    pub redis: RedisConfig,
    /// The store of recordings whose request names none.
    pub storage: Option<StorageConfig>,
    /// The log level for the binary to apply: `debug`, `info`, `warn` or `error`.
    pub log_level: Option<String>,
    /// 0 disables the endpoint.
    pub health_port: u16,
    /// 0 disables the endpoint.
    pub prometheus_port: u16,
    pub limits: SessionLimits,
    pub trackscribe: TrackscribeConfig,
    /// Findings that are not errors. `run` logs them, because logging is set up only after the configuration is loaded.
    pub warnings: Vec<String>,
}

/// Limits that end a recording while its track continues.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionLimits {
    pub max_duration: Option<Duration>,
    pub max_size_bytes: Option<u64>,
}

/// Our own keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackscribeConfig {
    /// Part of the worker's identities in rooms, `egress-{instance}-{random}`; unique among all workers. By default
    /// the name that the spool folder keeps.
    pub instance: Option<String>,
    /// The folder that holds recordings until they are stored.
    pub spool: PathBuf,
    /// With less free disk space than this, no new recordings are accepted.
    pub min_free_bytes: u64,
    /// The most audio that waits in memory while the disk is full.
    pub max_backlog_bytes: u64,
    /// The maximum number of simultaneous recordings.
    pub max_recordings: usize,
    /// Whether the worker offers, at the lowest affinity, to answer requests that it must refuse.
    pub decline: bool,
    /// What happens to recordings when the worker is stopped.
    pub drain: Drain,
    /// With [`Drain::Finish`], how long recordings may go on. Then they are ended and stored.
    pub drain_timeout: Duration,
    /// The address of the health and metrics endpoints.
    pub bind: IpAddr,
}

/// What happens to running recordings when the worker is stopped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Drain {
    /// The worker is gone within two seconds, and the next process continues the same recordings.
    #[default]
    Suspend,
    /// The worker waits, then ends, stores and reports its recordings.
    Finish,
}

#[cfg(test)]
mod tests;
