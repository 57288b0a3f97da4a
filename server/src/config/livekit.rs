//! The server's LiveKit settings.

use std::{path::PathBuf, sync::Arc};

use boot::{
    SecretError,
    config::{ConfigErrors, LivekitApi, LivekitApiArgs, livekit_url},
    secret::SecretSource,
};
use chrono::TimeDelta;
use clap::Args;
use platform::livekit::{LivekitConfig, WebhookKey};
use secrecy::SecretString;
use url::Url;

use crate::state::random_ids;

/// Command-line arguments and variables of LiveKit.
#[derive(Clone, Debug, Args)]
#[group(skip)]
pub struct LivekitArgs {
    #[command(flatten)]
    pub api: LivekitApiArgs,
    /// URL of LiveKit for browsers, for example wss://livekit.example.org, or wss://HOST/lk-ws for signalling through this
    /// server; defaults to LIVEKIT_URL
    #[arg(long, env = "LIVEKIT_PUBLIC_URL", value_name = "URL")]
    pub livekit_public_url: Option<Url>,
    /// Secret that signs LiveKit's webhooks; defaults to LIVEKIT_API_SECRET. Several, separated by commas, are all accepted
    #[arg(
        long,
        env = "LIVEKIT_WEBHOOK_SECRET",
        hide_env_values = true,
        hide = true,
        value_name = "SECRET"
    )]
    pub livekit_webhook_secret: Option<SecretString>,
    /// File with the secret that signs LiveKit's webhooks, or with one in each line
    #[arg(long, env = "LIVEKIT_WEBHOOK_SECRET_FILE", value_name = "FILE")]
    pub livekit_webhook_secret_file: Option<PathBuf>,
    /// Id of the key that signs LiveKit's webhooks; defaults to LIVEKIT_API_KEY. Several, separated by commas, are the ids of
    /// the secrets in LIVEKIT_WEBHOOK_SECRET, in the same order
    #[arg(
        long,
        env = "TRACKSCRIBE_LIVEKIT_WEBHOOK_KEY",
        value_delimiter = ',',
        value_name = "IDS"
    )]
    pub livekit_webhook_key: Vec<String>,
    /// How long a room stays open after the last participant has left, in seconds
    #[arg(
        long,
        env = "TRACKSCRIBE_DEPARTURE_TIMEOUT_S",
        default_value_t = 60,
        value_name = "SECONDS"
    )]
    pub departure_timeout_s: u32,
    /// How long a room stays open if nobody joins, in seconds
    #[arg(
        long,
        env = "TRACKSCRIBE_EMPTY_TIMEOUT_S",
        default_value_t = 300,
        value_name = "SECONDS"
    )]
    pub empty_timeout_s: u32,
    /// Maximum number of participants in a room; 0 for no limit
    #[arg(long, env = "TRACKSCRIBE_MAX_PARTICIPANTS", default_value_t = 0, value_name = "N")]
    pub max_participants: u32,
}

impl LivekitArgs {
    pub(super) fn check(&self, errors: &mut ConfigErrors) -> Option<LivekitConfig> {
        let api = self.api.check(errors);
        let public_url = match &self.livekit_public_url {
            Some(public) => livekit_url(errors, "LIVEKIT_PUBLIC_URL", Some(public), &["ws", "wss"]),
            None => api.as_ref().map(|api| as_websocket(&api.url)),
        };
        let webhook_secrets = errors.ok(self.webhook_secrets());
        let (api, public_url) = (api?, public_url?);
        let webhook_keys = self.webhook_keys(&api, webhook_secrets?, errors)?;
        Some(LivekitConfig {
            url: api.url,
            public_url,
            api_key: api.key,
            api_secret: api.secret,
            webhook_keys,
            departure_timeout: TimeDelta::seconds(self.departure_timeout_s.into()),
            empty_timeout: TimeDelta::seconds(self.empty_timeout_s.into()),
            max_participants: self.max_participants,
            identities: random_ids(),
            key_of: Arc::new(|_| None),
        })
    }

    /// Pairs the ids of the webhook keys with their secrets. Both default to the API key's.
    fn webhook_keys(
        &self,
        api: &LivekitApi,
        secrets: Option<Vec<SecretString>>,
        errors: &mut ConfigErrors,
    ) -> Option<Vec<WebhookKey>> {
        let secrets = secrets.unwrap_or_else(|| vec![api.secret.clone()]);
        let given: Vec<&String> = self.livekit_webhook_key.iter().filter(|id| !id.is_empty()).collect();
        let ids: Vec<String> = match given[..] {
            [] => vec![api.key.clone(); secrets.len()],
            [id] => vec![id.clone(); secrets.len()],
            _ => given.into_iter().cloned().collect(),
        };
        if ids.len() != secrets.len() {
            errors.add(format!(
                "TRACKSCRIBE_LIVEKIT_WEBHOOK_KEY has {} ids and LIVEKIT_WEBHOOK_SECRET {} secrets; each secret needs its id",
                ids.len(),
                secrets.len()
            ));
            return None;
        }
        let pair = |(id, secret)| WebhookKey { id, secret };
        Some(ids.into_iter().zip(secrets).map(pair).collect())
    }

    fn webhook_secrets(&self) -> Result<Option<Vec<SecretString>>, SecretError> {
        let (value, file) = (
            self.livekit_webhook_secret.as_ref(),
            self.livekit_webhook_secret_file.as_deref(),
        );
        SecretSource {
            name: "LIVEKIT_WEBHOOK_SECRET",
            value,
            file,
        }
        .list()
    }
}

/// Returns the URL with a WebSocket scheme, which clients need even if we use HTTP.
fn as_websocket(url: &str) -> String {
    match url.strip_prefix("http") {
        Some(rest) => format!("ws{rest}"),
        None => url.to_owned(),
    }
}
