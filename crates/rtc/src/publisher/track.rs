//! A published track, to send frames on.

use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::{sync::mpsc, time::sleep_until};

use super::{PublishError, core::Command};

/// Frames are handed over this long before they go out: enough to absorb a late wake-up, and all that is ever queued.
const LEAD: Duration = Duration::from_millis(100);
/// What `play` sends at once.
const FRAME: Duration = Duration::from_millis(20);
/// The same in units of 1/48000 s.
const FRAME_SAMPLES: u32 = 960;
/// Of an RTP timestamp, in a microsecond's part: 48 / 1000.
const SAMPLES_PER_MS: u128 = 48;

/// One Opus packet and when it goes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpusFrame {
    pub at: Instant,
    /// In units of 1/48000 s.
    pub timestamp: u32,
    pub payload: Bytes,
}

/// A track that was published. Dropping it does not unpublish it.
#[derive(Debug)]
pub struct AudioTrack {
    published: Published,
    commands: mpsc::UnboundedSender<Command>,
}

/// What the session tells of a new track.
#[derive(Debug, Clone)]
pub(super) struct Published {
    pub key: u64,
    pub sid: String,
    pub started: Instant,
}

impl AudioTrack {
    pub(super) fn new(published: Published, commands: mpsc::UnboundedSender<Command>) -> Self {
        Self { published, commands }
    }

    pub fn sid(&self) -> &str {
        &self.published.sid
    }

    /// The timestamp that a frame at `at` has by real time; 0 when the track was published.
    pub fn timestamp_at(&self, at: Instant) -> u32 {
        let samples = at.saturating_duration_since(self.published.started).as_micros() * SAMPLES_PER_MS / 1000;
        u32::try_from(samples & u128::from(u32::MAX)).expect("32 bits fit into 32 bits")
    }

    /// Waits until it is nearly time, then hands the frame over; it goes out at `frame.at` sharp.
    pub async fn send(&self, frame: OpusFrame) -> Result<(), PublishError> {
        sleep_until(frame.at.checked_sub(LEAD).unwrap_or(frame.at).into()).await;
        self.command(Command::Send {
            key: self.published.key,
            frame,
        })
    }

    /// Like `send`, but the packet is lost on its way: its sequence number is used and nothing goes out.
    pub async fn lose(&self, frame: OpusFrame) -> Result<(), PublishError> {
        sleep_until(frame.at.checked_sub(LEAD).unwrap_or(frame.at).into()).await;
        self.command(Command::Lose {
            key: self.published.key,
            frame,
        })
    }

    /// Sends frames of 20 ms one after the other, each at its time from now on.
    pub async fn play(&self, frames: impl IntoIterator<Item = Bytes>) -> Result<(), PublishError> {
        let mut at = Instant::now() + LEAD;
        let mut timestamp = self.timestamp_at(at);
        for payload in frames {
            self.send(OpusFrame { at, timestamp, payload }).await?;
            at += FRAME;
            timestamp = timestamp.wrapping_add(FRAME_SAMPLES);
        }
        sleep_until(at.into()).await;
        Ok(())
    }

    /// Tells the others. Frames that are sent nevertheless are thrown away by the server.
    pub fn mute(&self) -> Result<(), PublishError> {
        self.command(Command::Mute {
            key: self.published.key,
            muted: true,
        })
    }

    pub fn unmute(&self) -> Result<(), PublishError> {
        self.command(Command::Mute {
            key: self.published.key,
            muted: false,
        })
    }

    pub fn unpublish(self) -> Result<(), PublishError> {
        self.command(Command::Unpublish {
            key: self.published.key,
        })
    }

    fn command(&self, command: Command) -> Result<(), PublishError> {
        self.commands.send(command).map_err(|_| PublishError::Over)
    }
}
