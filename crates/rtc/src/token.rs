//! Access tokens for joining a room, as a hidden recorder or as a participant that only publishes.

use std::time::Duration;

use livekit_api::access_token::{AccessToken, AccessTokenError, VideoGrants};
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;

/// A recording may last a day. The official egress worker uses the same validity.
const RECORDER_VALIDITY: Duration = Duration::from_secs(24 * 60 * 60);
/// Longer than any test, demo or benchmark.
const PUBLISHER_VALIDITY: Duration = Duration::from_secs(2 * 60 * 60);

/// LiveKit's API key and its secret.
#[derive(Debug, Clone)]
pub struct ApiKey {
    /// The key, which is not secret.
    pub key: String,
    /// The secret, which signs tokens.
    pub secret: SecretString,
}

/// Why there is no token.
#[derive(Debug, Error)]
pub enum TokenError {
    /// A token cannot be signed.
    #[error("cannot make an access token; check that API key, secret, identity and room are not empty")]
    NotSigned(#[source] AccessTokenError),
    /// A token was signed with another key, or has expired.
    #[error("the token is not signed with this API key")]
    NotOurs(#[source] AccessTokenError),
}

impl ApiKey {
    /// Returns a key with its secret.
    pub fn new(key: impl Into<String>, secret: impl Into<SecretString>) -> Self {
        Self {
            key: key.into(),
            secret: secret.into(),
        }
    }

    /// Returns a token for a hidden recorder that subscribes and does not publish, valid for 24 h. It has the claims of
    /// the official egress worker, and may set its own attributes.
    pub fn recorder_token(&self, room: &str, identity: &str) -> Result<SecretString, TokenError> {
        let grants = VideoGrants {
            room_join: true,
            room: room.to_owned(),
            can_subscribe: Some(true),
            can_publish: Some(false),
            can_publish_data: Some(false),
            can_update_own_metadata: Some(true),
            hidden: true,
            recorder: true,
            ..Default::default()
        };
        let token = self
            .token(identity)
            .with_kind("egress")
            .with_grants(grants)
            .with_ttl(RECORDER_VALIDITY);
        into_secret(token)
    }

    /// Returns a token for a participant that publishes and does not subscribe, as [`crate::publisher::join`] needs it,
    /// valid for 2 h.
    pub fn publisher_token(&self, room: &str, identity: &str, name: &str) -> Result<SecretString, TokenError> {
        let grants = VideoGrants {
            room_join: true,
            room: room.to_owned(),
            can_publish: Some(true),
            can_subscribe: Some(false),
            ..Default::default()
        };
        into_secret(
            self.token(identity)
                .with_name(name)
                .with_grants(grants)
                .with_ttl(PUBLISHER_VALIDITY),
        )
    }

    fn token(&self, identity: &str) -> AccessToken {
        AccessToken::with_api_key(&self.key, self.secret.expose_secret()).with_identity(identity)
    }
}

pub(crate) fn into_secret(token: AccessToken) -> Result<SecretString, TokenError> {
    token.to_jwt().map(SecretString::from).map_err(TokenError::NotSigned)
}

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    use serde_json::{Value, json};

    use super::*;

    fn claims(token: &SecretString) -> Value {
        let body = token.expose_secret().split('.').nth(1).unwrap();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(body).unwrap()).unwrap()
    }

    fn key() -> ApiKey {
        ApiKey::new("devkey", "secretsecretsecretsecretsecretsecret")
    }

    #[test]
    fn a_recorder_token_has_the_claims_of_the_official_worker_and_may_set_attributes() {
        let token = key().recorder_token("standup", "EG_1").unwrap();

        let claims = claims(&token);

        assert_eq!(
            (&claims["iss"], &claims["sub"], &claims["kind"]),
            (&json!("devkey"), &json!("EG_1"), &json!("egress"))
        );
        assert_eq!(
            claims["video"],
            json!({"roomJoin": true, "room": "standup", "canSubscribe": true, "canPublish": false,
                   "canPublishData": false, "canUpdateOwnMetadata": true, "hidden": true, "recorder": true})
        );
        let validity = claims["exp"].as_u64().unwrap() - claims["nbf"].as_u64().unwrap();
        assert!((86_400..86_402).contains(&validity));
    }

    #[test]
    fn a_publisher_token_does_not_allow_subscribing() {
        let token = key().publisher_token("standup", "alice", "Alice").unwrap();

        let claims = claims(&token);

        assert_eq!(
            claims["video"],
            json!({"roomJoin": true, "room": "standup", "canPublish": true, "canSubscribe": false})
        );
        assert_eq!(claims["name"], "Alice");
    }

    #[test]
    fn a_token_without_a_room_is_refused() {
        let refused = key().recorder_token("", "EG_1");

        assert!(refused.is_err());
    }
}
