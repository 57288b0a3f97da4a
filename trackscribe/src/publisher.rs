//! A participant with a microphone, for `demo` and `bench`.

use std::sync::Arc;

use anyhow::{Context, Result};
use rtc::{
    ConnectConfig,
    publisher::{self, AudioOptions, AudioTrack, PublisherEvent},
};
use secrecy::SecretString;
use tokio::sync::mpsc;
use url::Url;

/// A participant that is in a room and has published an audio track.
pub struct Publisher {
    pub track: Arc<AudioTrack>,
    publisher: publisher::Publisher,
    /// The session ends when the receiver of its events is dropped.
    _events: mpsc::Receiver<PublisherEvent>,
}

impl Publisher {
    /// Joins with a token that does not allow subscribing, and publishes a track that sends nothing by itself.
    pub async fn join(livekit: Url, token: SecretString) -> Result<Self> {
        let config = ConnectConfig::new(livekit, move || token.clone());
        let (publisher, events) = publisher::join(config).await.context("cannot join the room")?;
        let options = AudioOptions {
            dtx: false,
            ..AudioOptions::default()
        };
        let track = publisher
            .publish_audio(options)
            .await
            .context("cannot publish a microphone")?;
        Ok(Self {
            track: Arc::new(track),
            publisher,
            _events: events,
        })
    }

    pub async fn leave(self) {
        self.publisher.leave().await;
    }
}
