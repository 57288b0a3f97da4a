//! Participants that send numbered frames.

use bytes::Bytes;
use rtc::publisher::{self, AudioOptions, AudioTrack, Publisher};

use super::LivekitServer;

/// Returns `count` frames that look like Opus and differ from each other and from those of other speakers.
pub fn frames(speaker: u8, count: u32) -> Vec<Bytes> {
    (0..count)
        .map(|index| {
            // CELT, full band, 20 ms, mono.
            let mut frame = vec![0xf8, speaker];
            frame.extend_from_slice(&index.to_be_bytes());
            frame.resize(60, 0xaa);
            frame.into()
        })
        .collect()
}

/// Joins a room to publish.
pub async fn publisher(server: &LivekitServer, room: &str, identity: &str) -> Publisher {
    publisher::join(server.publisher_config(room, identity))
        .await
        .unwrap()
        .0
}

/// Joins a room and publishes a microphone.
pub async fn publish(server: &LivekitServer, room: &str, identity: &str) -> (Publisher, AudioTrack) {
    let publisher = publisher(server, room, identity).await;
    let track = publisher.publish_audio(AudioOptions::default()).await.unwrap();
    (publisher, track)
}
