//! A join token without the right to receive.
//!
//! The API's tokens let people hear each other. `rtc`'s publisher has one connection and only sends, and LiveKit waits
//! for a second one where a token allows more; so the same claims are signed anew, narrowed.

use anyhow::{Context, Result};
use livekit_api::access_token::{AccessToken, TokenVerifier, VideoGrants};
use secrecy::{ExposeSecret, SecretString};

use crate::setup::Secrets;

/// `token` with all its claims, but `canSubscribe`.
pub fn without(token: &SecretString, secrets: &Secrets) -> Result<SecretString> {
    let (key, secret) = (
        secrets.livekit_api_key.as_str(),
        secrets.livekit_api_secret.expose_secret(),
    );
    let claims = TokenVerifier::with_api_key(key, secret)
        .verify(token.expose_secret())
        .context("the API's token is not signed with this stack's key")?;
    let grants = VideoGrants {
        can_subscribe: Some(false),
        ..claims.video
    };
    let narrowed = AccessToken::with_api_key(key, secret)
        .with_identity(&claims.sub)
        .with_name(&claims.name)
        .with_metadata(&claims.metadata)
        .with_grants(grants);
    let narrowed = match claims.room_config {
        Some(config) => narrowed.with_room_config(config),
        None => narrowed,
    };
    Ok(SecretString::from(
        narrowed.to_jwt().context("the narrowed token cannot be signed")?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::EnvFile;

    #[test]
    fn everything_but_the_right_to_receive_stays() {
        let secrets = Secrets::from_env_or_new(&EnvFile::default());
        let (key, secret) = (
            secrets.livekit_api_key.as_str(),
            secrets.livekit_api_secret.expose_secret(),
        );
        let grants = VideoGrants {
            room_join: true,
            room: "demo".into(),
            can_publish: Some(true),
            ..Default::default()
        };
        let wide = AccessToken::with_api_key(key, secret)
            .with_identity("p1")
            .with_name("Ada")
            .with_grants(grants.clone());
        let wide = SecretString::from(wide.to_jwt().unwrap());

        let narrow = without(&wide, &secrets).unwrap();

        let claims = TokenVerifier::with_api_key(key, secret)
            .verify(narrow.expose_secret())
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
}
