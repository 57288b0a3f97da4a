//! The webhooks of our Daily domain. Daily switches one off after three failed deliveries.

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::client::{DailyClient, RateClass};
use super::wire;
use crate::PlatformError;
use crate::rest::gone_is_deleted;

/// The events that we need.
pub const EVENT_TYPES: &[&str] = &[
    "meeting.started",
    "meeting.ended",
    "participant.joined",
    "participant.left",
    "recording.started",
    "recording.ready-to-download",
    "recording.error",
];

/// A webhook to create.
#[derive(Clone, Debug)]
pub struct NewWebhook {
    /// Our address, which Daily posts `{"test":"test"}` to before it answers.
    pub url: String,
    /// The secret that will sign its events, in base64.
    pub secret: SecretString,
}

/// A webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DailyWebhook {
    /// Daily's id of it.
    pub id: String,
    /// Where it posts to.
    pub url: String,
    /// Whether it does.
    pub state: WebhookState,
    /// Failed deliveries since the last one that succeeded.
    pub failures: i64,
    /// When it last posted something.
    pub last_pushed_at: Option<DateTime<Utc>>,
    /// The events that it posts.
    pub event_types: Vec<String>,
    /// The digest of the secret that signs them, if Daily returns the secret.
    pub secret_digest: Option<[u8; 32]>,
}

/// The state of a webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WebhookState {
    /// It posts.
    Active,
    /// Switched off after failures.
    Failed,
    /// A state that this version does not know.
    Unknown(String),
}

impl DailyWebhook {
    /// Whether it posts all events that we need, signed with `secret`.
    pub fn is_healthy(&self, secret: &SecretString) -> bool {
        let is_sent = |name: &&str| self.event_types.iter().any(|sent| sent == *name);
        let is_signed = self.secret_digest.is_none_or(|digest| digest == self::digest(secret));
        self.state == WebhookState::Active && is_signed && EVENT_TYPES.iter().all(is_sent)
    }
}

impl DailyClient {
    /// Lists the webhooks of the domain.
    ///
    /// # Errors
    /// The call failed.
    pub async fn list_webhooks(&self) -> Result<Vec<DailyWebhook>, PlatformError> {
        let sent = self.get(&["webhooks"], RateClass::List).send().await?;
        let (wire::Webhooks::Bare(list) | wire::Webhooks::Page { data: list }) = sent;
        let readable = list.into_iter().filter_map(|sent| serde_json::from_value(sent).ok());
        Ok(readable.map(webhook).collect())
    }

    /// Creates a webhook.
    ///
    /// # Errors
    /// The call failed. [`PlatformError::Refused`] if our address did not answer Daily's ping at once.
    pub async fn create_webhook(&self, new: &NewWebhook) -> Result<DailyWebhook, PlatformError> {
        let call = self.post(&["webhooks"], RateClass::Most).json(request(new));
        call.with_secrets().send().await.map(webhook)
    }

    /// Sets everything about a webhook, which switches it on again.
    ///
    /// # Errors
    /// As [`Self::create_webhook`].
    pub async fn update_webhook(&self, id: &str, new: &NewWebhook) -> Result<DailyWebhook, PlatformError> {
        let call = self.post(&["webhooks", id], RateClass::Most).json(request(new));
        call.with_secrets().send().await.map(webhook)
    }

    /// Deletes a webhook. Succeeds if it does not exist.
    ///
    /// # Errors
    /// The call failed.
    pub async fn delete_webhook(&self, id: &str) -> Result<(), PlatformError> {
        gone_is_deleted(self.delete(&["webhooks", id]).send_only().await)
    }
}

fn request(new: &NewWebhook) -> Value {
    json!({"url": new.url, "hmac": new.secret.expose_secret(), "eventTypes": EVENT_TYPES})
}

fn webhook(sent: wire::Webhook) -> DailyWebhook {
    DailyWebhook {
        id: sent.uuid,
        url: sent.url,
        state: match sent.state.as_str() {
            "ACTIVE" => WebhookState::Active,
            "FAILED" => WebhookState::Failed,
            _ => WebhookState::Unknown(sent.state),
        },
        failures: sent.failed_count,
        last_pushed_at: sent.last_moment_pushed,
        event_types: sent.event_types,
        secret_digest: sent.hmac.as_ref().map(digest),
    }
}

fn digest(secret: &SecretString) -> [u8; 32] {
    Sha256::digest(secret.expose_secret().trim()).into()
}
