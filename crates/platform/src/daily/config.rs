//! The settings of the Daily adapter.

use chrono::TimeDelta;
use domain::clock::IdSource;
use secrecy::SecretString;
use thiserror::Error;

use super::verify::BadSecret;
use super::{CaptureLimits, DEFAULT_API_URL, RecordingsBucket};
use crate::rest::InvalidUrl;

/// How to reach Daily, and the settings of the rooms that we make there.
#[derive(Clone)]
pub struct DailyConfig {
    /// Address of Daily's API: [`super::DEFAULT_API_URL`] outside tests.
    pub api_url: String,
    /// The key of the Daily domain.
    pub api_key: SecretString,
    /// Secrets whose webhooks are accepted, in base64; more than one during a rotation. The first one signs the webhook that
    /// we create.
    pub webhook_secrets: Vec<SecretString>,
    /// Our address for Daily's webhooks: `https`, reachable from the internet. `None` if somebody creates the webhook by hand.
    pub webhook_url: Option<String>,
    /// Where Daily stores recordings; in its own store if `None`.
    pub bucket: Option<RecordingsBucket>,
    /// Most people in a room; Daily's own limit if `None`.
    pub max_participants: Option<u32>,
    /// Longest meeting. Daily ejects everyone then.
    pub room_life: TimeDelta,
    /// When Daily ends a recording by itself.
    pub capture_limits: CaptureLimits,
    /// Source of generated identities; random UUIDs outside tests.
    pub identities: IdSource,
}

/// Why the settings cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DailyConfigError {
    #[error(transparent)]
    Url(#[from] InvalidUrl),
    #[error(transparent)]
    Secret(#[from] BadSecret),
    #[error("Daily needs at least one webhook secret")]
    NoSecret,
}

impl DailyConfig {
    /// Returns settings with everything else at its default.
    pub fn new(
        api_url: Option<String>,
        api_key: SecretString,
        webhook_secrets: Vec<SecretString>,
        identities: IdSource,
    ) -> Self {
        Self {
            api_url: api_url.unwrap_or_else(|| DEFAULT_API_URL.to_owned()),
            api_key,
            webhook_secrets,
            webhook_url: None,
            bucket: None,
            max_participants: None,
            room_life: Self::DEFAULT_ROOM_LIFE,
            capture_limits: CaptureLimits::default(),
            identities,
        }
    }

    /// As long as the longest join token.
    pub const DEFAULT_ROOM_LIFE: TimeDelta = TimeDelta::hours(24);
}
