//! Whether a platform sends us what happens.

use chrono::{DateTime, Utc};

/// What a platform's API tells about its webhook to us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WebhookHealth {
    /// Nothing: somebody set it up by hand.
    Unmanaged,
    /// It sends everything that we need.
    Healthy,
    /// It does not, so events are being lost.
    Broken {
        /// What is wrong with it.
        problem: &'static str,
        /// When it last sent something, if it ever did.
        silent_since: Option<DateTime<Utc>>,
    },
}
