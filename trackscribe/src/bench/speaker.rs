//! A publisher that talks on and knows when each of its packets went out.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use bytes::Bytes;
use rtc::{
    ConnectConfig,
    publisher::{self, AudioOptions, AudioTrack, OpusFrame, Publisher, PublisherEvent},
};
use secrecy::SecretString;
use tokio::{sync::mpsc, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use url::Url;

/// What clients send.
const FRAME: Duration = Duration::from_millis(20);
const FRAME_SAMPLES: u32 = 960;

/// From `talk_from` on the first frame waits so long that it can be handed over in time.
const LEAD: Duration = Duration::from_millis(20);

/// In the room, with a published microphone that is silent until [`Speaker::talk`].
pub struct Speaker {
    publisher: Publisher,
    track: Option<AudioTrack>,
    frames: Vec<Bytes>,
    sid: String,
    _events: mpsc::Receiver<PublisherEvent>,
}

/// Someone who talks until [`Talking::stop`].
pub struct Talking {
    pub track_sid: String,
    /// Wall time at which the first packet went out, nanoseconds since 1970.
    pub first_sent_ns: i64,
    /// RTP timestamp of the first packet.
    pub first_timestamp: u32,
    publisher: Publisher,
    stop: CancellationToken,
    sending: JoinHandle<()>,
    _events: mpsc::Receiver<PublisherEvent>,
}

impl Speaker {
    pub async fn join(livekit: Url, token: SecretString, frames: Vec<Bytes>) -> Result<Self> {
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
            sid: track.sid().to_owned(),
            publisher,
            track: Some(track),
            frames,
            _events: events,
        })
    }

    /// Talks from now on, the frames over and over.
    pub fn talk(self) -> Talking {
        self.talk_from(Instant::now() + LEAD)
    }

    /// The first frame goes out at `start`.
    pub fn talk_from(mut self, start: Instant) -> Talking {
        let track = self.track.take().expect("a speaker has its track until it talks");
        let first_timestamp = track.timestamp_at(start);
        let stop = CancellationToken::new();
        let frames = std::mem::take(&mut self.frames);
        let sending = tokio::spawn({
            let stop = stop.clone();
            async move {
                let mut frame = OpusFrame {
                    at: start,
                    timestamp: first_timestamp,
                    payload: Bytes::new(),
                };
                for payload in frames.iter().cycle() {
                    frame.payload = payload.clone();
                    let sent = stop.run_until_cancelled(track.send(frame.clone())).await;
                    if !matches!(sent, Some(Ok(()))) {
                        return;
                    }
                    frame.at += FRAME;
                    frame.timestamp = frame.timestamp.wrapping_add(FRAME_SAMPLES);
                }
            }
        });
        Talking {
            track_sid: self.sid,
            first_sent_ns: wall_ns(start),
            first_timestamp,
            publisher: self.publisher,
            stop,
            sending,
            _events: self._events,
        }
    }
}

impl Talking {
    /// Falls silent and leaves.
    pub async fn stop(self) {
        self.stop.cancel();
        let _ended = self.sending.await;
        self.publisher.leave().await;
    }
}

/// The wall time of an instant near now.
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
