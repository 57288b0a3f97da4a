//! A publisher that repeats a sound and knows when its first packet was sent.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::Result;
use bytes::Bytes;
use rtc::publisher::{AudioTrack, OpusFrame};
use secrecy::SecretString;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::publisher::Publisher;

/// Length of an Opus frame.
const FRAME: Duration = Duration::from_millis(20);
const FRAME_SAMPLES: u32 = 960;

/// `rtc` needs the first frame this long before it is sent.
const LEAD: Duration = Duration::from_millis(20);

/// A participant with a published microphone that sends nothing yet.
pub struct BenchPublisher {
    publisher: Publisher,
    frames: Vec<Bytes>,
}

/// A participant that sends until [`SendingPublisher::stop`].
pub struct SendingPublisher {
    pub first_packet: FirstPacket,
    publisher: Publisher,
    stop: CancellationToken,
    sending: JoinHandle<()>,
}

/// The first packet of a track.
#[derive(Clone)]
pub struct FirstPacket {
    pub track_sid: String,
    /// Wall time at which it was sent, in nanoseconds since 1970.
    pub sent_ns: i64,
    pub rtp_timestamp: u32,
}

impl BenchPublisher {
    pub async fn join(livekit: Url, token: SecretString, frames: Vec<Bytes>) -> Result<Self> {
        let publisher = Publisher::join(livekit, token).await?;
        Ok(Self { publisher, frames })
    }

    /// Sends the frames over and over, starting now.
    pub fn start(self) -> SendingPublisher {
        self.start_at(Instant::now() + LEAD)
    }

    /// Sends the frames over and over, the first one at `start`.
    pub fn start_at(self, start: Instant) -> SendingPublisher {
        let track = self.publisher.track.clone();
        let first_packet = FirstPacket {
            track_sid: track.sid().to_string(),
            sent_ns: wall_ns(start),
            rtp_timestamp: track.timestamp_at(start),
        };
        let stop = CancellationToken::new();
        let first_frame = OpusFrame {
            at: start,
            timestamp: first_packet.rtp_timestamp,
            payload: Bytes::new(),
        };
        let sending = tokio::spawn(send_repeatedly(track, first_frame, self.frames, stop.clone()));
        SendingPublisher {
            first_packet,
            publisher: self.publisher,
            stop,
            sending,
        }
    }
}

impl SendingPublisher {
    /// Stops sending and leaves the room.
    pub async fn stop(self) {
        self.stop.cancel();
        let _finished = self.sending.await;
        self.publisher.leave().await;
    }
}

async fn send_repeatedly(track: Arc<AudioTrack>, mut frame: OpusFrame, payloads: Vec<Bytes>, stop: CancellationToken) {
    for payload in payloads.iter().cycle() {
        frame.payload = payload.clone();
        let sent = stop.run_until_cancelled(track.send(frame.clone())).await;
        if !matches!(sent, Some(Ok(()))) {
            return;
        }
        frame.at += FRAME;
        frame.timestamp = frame.timestamp.wrapping_add(FRAME_SAMPLES);
    }
}

/// The wall time of an instant close to now, in nanoseconds since 1970.
fn wall_ns(instant: Instant) -> i64 {
    let (now, wall) = (Instant::now(), SystemTime::now());
    let wall_ns = wall
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_nanos() as i64);
    match instant.checked_duration_since(now) {
        Some(ahead) => wall_ns + ahead.as_nanos() as i64,
        None => wall_ns - now.duration_since(instant).as_nanos() as i64,
    }
}
