//! Participants that publish audio and subscribe to nothing.

use rtc::{
    ConnectConfig,
    publisher::{self, AudioOptions, AudioTrack, Publisher, PublisherEvent},
};
use secrecy::SecretString;
use tokio::sync::mpsc;

use crate::{
    LivekitServer, audio,
    microphone::{Microphone, MuteState},
};

/// A participant in a room.
#[derive(Debug)]
pub struct Participant {
    pub identity: String,
    publisher: Publisher,
    /// The session ends when the receiver of its events is dropped.
    _events: mpsc::Receiver<PublisherEvent>,
}

/// A participant with one published audio track.
#[derive(Debug)]
pub struct TrackPublisher {
    participant: Participant,
    pub track: AudioTrack,
}

impl Participant {
    /// Joins a room of `livekit`, with a token that its API key signs.
    ///
    /// # Panics
    /// When LiveKit refuses.
    pub async fn join(livekit: &LivekitServer, room: &str, identity: &str) -> Self {
        Self::connect(livekit.publisher_config(room, identity), identity).await
    }

    /// Joins with the address and token that Trackscribe's API returned.
    ///
    /// # Panics
    /// When LiveKit refuses, or the token is not signed with its API key.
    pub async fn join_with_token(livekit: &LivekitServer, identity: &str, url: &str, token: &str) -> Self {
        let token = livekit
            .api_key()
            .publish_only_token(&SecretString::from(token))
            .expect("the API signs with LiveKit's key");
        let url = url.parse().expect("the API returns a valid URL");
        Self::connect(ConnectConfig::new(url, move || token.clone()), identity).await
    }

    async fn connect(config: ConnectConfig, identity: &str) -> Self {
        crate::use_tls_provider();
        let (publisher, events) = publisher::join(config).await.expect("the room can be joined");
        Self {
            identity: identity.to_owned(),
            publisher,
            _events: events,
        }
    }

    /// Publishes a microphone, which sends silence until a sound is played.
    ///
    /// # Panics
    /// When LiveKit refuses the track.
    pub async fn microphone(&self) -> Microphone {
        Microphone::new(self.publish(AudioOptions::default()).await, MuteState::Live)
    }

    /// Publishes a muted microphone, which sends nothing until it is unmuted.
    ///
    /// # Panics
    /// When LiveKit refuses the track.
    pub async fn muted_microphone(&self) -> Microphone {
        let options = AudioOptions {
            muted: true,
            ..AudioOptions::default()
        };
        Microphone::new(self.publish(options).await, MuteState::Muted)
    }

    /// Publishes a track that sends nothing by itself.
    ///
    /// # Panics
    /// When LiveKit refuses the track.
    pub async fn publish(&self, options: AudioOptions) -> AudioTrack {
        self.publisher
            .publish_audio(options)
            .await
            .expect("LiveKit accepts the track")
    }

    pub async fn leave(self) {
        self.publisher.leave().await;
    }
}

impl TrackPublisher {
    /// Joins a room of `livekit` and publishes a track that sends nothing by itself.
    ///
    /// # Panics
    /// When LiveKit refuses.
    pub async fn join(livekit: &LivekitServer, room: &str, identity: &str, options: AudioOptions) -> Self {
        let participant = Participant::join(livekit, room, identity).await;
        let track = participant.publish(options).await;
        Self { participant, track }
    }

    pub fn sid(&self) -> &str {
        self.track.sid().as_str()
    }

    /// Plays a tone in real time.
    ///
    /// # Panics
    /// When the session has ended.
    pub async fn play_tone(&self, hz: f64, duration_ms: usize) {
        let samples = duration_ms * audio::SAMPLE_RATE / 1000;
        let packets = audio::encode(&audio::tone(hz, samples));
        self.track.play(packets).await.expect("the session has not ended");
    }

    pub async fn leave(self) {
        self.participant.leave().await;
    }
}
