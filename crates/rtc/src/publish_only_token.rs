//! Removes the right to subscribe from a join token.
//!
//! Tokens of Trackscribe's API let people hear each other. LiveKit opens a second connection for a participant that may
//! subscribe, and [`crate::publisher`] has only one. So the same claims are signed again without that right.

use livekit_api::access_token::{AccessToken, TokenVerifier, VideoGrants};
use secrecy::{ExposeSecret, SecretString};

use crate::token::{ApiKey, TokenError, into_secret};

impl ApiKey {
    /// Returns `token` with the same claims except `canSubscribe`, which becomes false.
    ///
    /// # Errors
    /// [`TokenError::NotOurs`] if this key did not sign `token`.
    pub fn publish_only_token(&self, token: &SecretString) -> Result<SecretString, TokenError> {
        let claims = TokenVerifier::with_api_key(&self.key, self.secret.expose_secret())
            .verify(token.expose_secret())
            .map_err(TokenError::NotOurs)?;
        let grants = VideoGrants {
            can_subscribe: Some(false),
            ..claims.video
        };
        let token = AccessToken::with_api_key(&self.key, self.secret.expose_secret())
            .with_identity(&claims.sub)
            .with_name(&claims.name)
            .with_metadata(&claims.metadata)
            .with_grants(grants);
        into_secret(match claims.room_config {
            Some(config) => token.with_room_config(config),
            None => token,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_claim_except_the_right_to_subscribe_is_kept() {
        let key = ApiKey::new("devkey", "secretsecretsecretsecretsecretsecret");
        let secret = key.secret.expose_secret();
        let grants = VideoGrants {
            room_join: true,
            room: "demo".into(),
            can_publish: Some(true),
            ..Default::default()
        };
        let token = AccessToken::with_api_key(&key.key, secret)
            .with_identity("p1")
            .with_name("Ada")
            .with_grants(grants.clone());
        let token = SecretString::from(token.to_jwt().unwrap());

        let publish_only = key.publish_only_token(&token).unwrap();

        let claims = TokenVerifier::with_api_key(&key.key, secret)
            .verify(publish_only.expose_secret())
            .unwrap();
        assert_eq!((claims.sub.as_str(), claims.name.as_str()), ("p1", "Ada"));
        assert_eq!(
            claims.video,
            VideoGrants {
                can_subscribe: Some(false),
                ..grants
            }
        );
    }

    #[test]
    fn a_token_of_another_key_is_refused() {
        let (ours, other) = (
            ApiKey::new("devkey", "a".repeat(32)),
            ApiKey::new("devkey", "b".repeat(32)),
        );
        let token = other.publisher_token("demo", "p1", "Ada").unwrap();

        let refused = ours.publish_only_token(&token);

        assert!(matches!(refused, Err(TokenError::NotOurs(_))));
    }
}
