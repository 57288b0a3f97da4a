//! Keeps Daily's webhook to us alive. Daily switches it off after three failed deliveries, as an update of ours may cause, and
//! does not switch it on again.

use secrecy::SecretString;

use super::{DailyClient, DailyWebhook, NewWebhook, WebhookState};
use crate::{PlatformError, WebhookHealth};

/// Looks for a healthy webhook to `url`. Webhooks of others in the same domain do not matter.
pub async fn check(client: &DailyClient, url: &str, secret: &SecretString) -> Result<WebhookHealth, PlatformError> {
    let ours = ours(client, url).await?;
    if ours.iter().any(|webhook| webhook.is_healthy(secret)) {
        return Ok(WebhookHealth::Healthy);
    }
    let problem = match ours.first().map(|webhook| &webhook.state) {
        None => "it does not exist",
        Some(WebhookState::Failed) => "Daily switched it off after failed deliveries",
        Some(WebhookState::Active) => "it lacks events that are needed, or another secret signs it",
        Some(WebhookState::Unknown(_)) => "it is in an unknown state",
    };
    Ok(WebhookHealth::Broken {
        problem,
        silent_since: ours.iter().filter_map(|webhook| webhook.last_pushed_at).max(),
    })
}

/// Creates the webhook, or sets up the one that there is. Deletes others to the same address, which would send everything
/// twice.
pub async fn repair(client: &DailyClient, url: &str, secret: &SecretString) -> Result<(), PlatformError> {
    let new = NewWebhook {
        url: url.to_owned(),
        secret: secret.clone(),
    };
    let ours = ours(client, url).await?;
    match ours.split_first() {
        None => client.create_webhook(&new).await.map(|_| ()),
        Some((first, others)) => {
            update_or_create(client, first, &new).await?;
            for other in others {
                client.delete_webhook(&other.id).await?;
            }
            Ok(())
        }
    }
}

async fn update_or_create(client: &DailyClient, known: &DailyWebhook, new: &NewWebhook) -> Result<(), PlatformError> {
    match client.update_webhook(&known.id, new).await {
        Err(PlatformError::NotFound(..)) => client.create_webhook(new).await.map(|_| ()),
        updated => updated.map(|_| ()),
    }
}

async fn ours(client: &DailyClient, url: &str) -> Result<Vec<DailyWebhook>, PlatformError> {
    let all = client.list_webhooks().await?;
    Ok(all.into_iter().filter(|webhook| webhook.url == url).collect())
}
