//! The settings of the Whereby adapter.

use chrono::TimeDelta;
use domain::clock::IdSource;
use secrecy::SecretString;
use thiserror::Error;

use super::{DEFAULT_API_URL, DEFAULT_POINTS_PER_MINUTE, RecordingTarget};
use crate::rest::InvalidUrl;

/// How to reach Whereby, and the settings of the meetings that we make there.
#[derive(Clone)]
pub struct WherebyConfig {
    /// Address of Whereby's API: [`super::DEFAULT_API_URL`] outside tests.
    pub api_url: String,
    /// The key of the organization.
    pub api_key: SecretString,
    /// Secrets whose webhooks are accepted, as Whereby's dashboard shows them; more than one during a rotation.
    pub webhook_secrets: Vec<SecretString>,
    /// What the plan allows: [`super::DEFAULT_POINTS_PER_MINUTE`] or more.
    pub points_per_minute: u32,
    /// Where Whereby stores recordings; nothing is recorded if `None`.
    pub recording: Option<RecordingTarget>,
    /// Longest meeting. Whereby removes the room an hour later.
    pub meeting_life: TimeDelta,
    /// Source of generated identities; random UUIDs outside tests.
    pub identities: IdSource,
}

/// Why the settings cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum WherebyConfigError {
    #[error(transparent)]
    Url(#[from] InvalidUrl),
    #[error("Whereby needs at least one webhook secret, and none may be empty")]
    NoSecret,
}

impl WherebyConfig {
    /// Returns settings with everything else at its default: nothing is recorded.
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
            points_per_minute: DEFAULT_POINTS_PER_MINUTE,
            recording: None,
            meeting_life: Self::DEFAULT_MEETING_LIFE,
            identities,
        }
    }

    /// As long as the longest recording of Whereby.
    pub const DEFAULT_MEETING_LIFE: TimeDelta = TimeDelta::hours(24);
}
