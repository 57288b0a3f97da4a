//! Somebody in a room, played by `rtc`'s publisher.

use livekit_api::access_token::{AccessToken, TokenVerifier, VideoGrants};
use rtc::{
    ConnectConfig,
    publisher::{self, AudioOptions, AudioTrack, Publisher, PublisherEvent},
};
use secrecy::SecretString;
use tokio::sync::mpsc;

use crate::{
    api::Joined,
    microphone::{Microphone, MuteState},
    stack::LivekitServer,
};

/// Joined by a token of our API; hears nothing.
#[derive(Debug)]
pub struct Participant {
    pub identity: String,
    publisher: Publisher,
    /// Kept, because a session whose events nobody takes is over.
    _events: mpsc::Receiver<PublisherEvent>,
}

impl Participant {
    /// # Panics
    /// When the room cannot be joined.
    pub async fn join(livekit: &LivekitServer, joined: &Joined) -> Self {
        crate::stack::use_tls_provider();
        let token = SecretString::from(without_ears(livekit, &joined.token));
        let config = ConnectConfig::new(joined.url.parse().expect("the API gives an address"), move || {
            token.clone()
        });
        let (publisher, events) = publisher::join(config).await.expect("the room can be joined");
        Self {
            identity: joined.identity.clone(),
            publisher,
            _events: events,
        }
    }

    /// Publishes a microphone, which sends silence until something is played.
    ///
    /// # Panics
    /// When LiveKit refuses the track.
    pub async fn microphone(&self) -> Microphone {
        Microphone::new(self.publish(AudioOptions::default()).await, MuteState::Live)
    }

    /// Publishes a microphone that is muted; not one packet is sent before it is unmuted.
    ///
    /// # Panics
    /// When LiveKit refuses the track.
    pub async fn muted_microphone(&self) -> Microphone {
        Microphone::new(
            self.publish(AudioOptions {
                muted: true,
                ..AudioOptions::default()
            })
            .await,
            MuteState::Muted,
        )
    }

    /// # Panics
    /// When LiveKit refuses the track.
    pub async fn publish(&self, options: AudioOptions) -> AudioTrack {
        self.publisher.publish_audio(options).await.expect("the track is taken")
    }

    pub async fn leave(self) {
        self.publisher.leave().await;
    }
}

/// The same token without the right to subscribe: `rtc`'s publisher has no second connection to receive by.
fn without_ears(livekit: &LivekitServer, token: &str) -> String {
    let (key, secret) = (livekit.api_key(), livekit.api_secret());
    let claims = TokenVerifier::with_api_key(key, secret)
        .verify(token)
        .expect("the API signs with LiveKit's key");
    let token = AccessToken::with_api_key(key, secret)
        .with_identity(&claims.sub)
        .with_name(&claims.name)
        .with_metadata(&claims.metadata)
        .with_grants(VideoGrants {
            can_subscribe: Some(false),
            ..claims.video
        });
    let token = match claims.room_config {
        Some(config) => token.with_room_config(config),
        None => token,
    };
    token.to_jwt().expect("a token of good claims can be signed")
}
