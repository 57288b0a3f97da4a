//! A published track, to send frames on.

use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::{sync::mpsc, time::sleep_until};

use super::{
    command::{Command, PublishedTrack},
    events::PublishError,
    packetizer::OpusFrame,
};
use crate::ids::TrackSid;

/// How long before its time a frame is passed on: enough to absorb a late wake-up, and all that is ever queued.
const LEAD: Duration = Duration::from_millis(100);
/// Length of the frames that [`AudioTrack::play`] sends.
const FRAME: Duration = Duration::from_millis(20);
/// The same in units of 1/48000 s.
const FRAME_SAMPLES: u32 = 960;
/// Units of RTP timestamps in a millisecond.
const SAMPLES_PER_MS: u128 = 48;

/// A published track. Dropping it does not unpublish it.
#[derive(Debug)]
pub struct AudioTrack {
    published: PublishedTrack,
    commands: mpsc::UnboundedSender<Command>,
}

impl AudioTrack {
    pub(super) fn new(published: PublishedTrack, commands: mpsc::UnboundedSender<Command>) -> Self {
        Self { published, commands }
    }

    /// Returns the sid that the server gave to the track.
    pub fn sid(&self) -> &TrackSid {
        &self.published.sid
    }

    /// Returns the RTP timestamp of a frame that is due at `at`, in units of 1/48000 s since the track was published.
    pub fn timestamp_at(&self, at: Instant) -> u32 {
        let samples = at.saturating_duration_since(self.published.started).as_micros() * SAMPLES_PER_MS / 1000;
        u32::try_from(samples & u128::from(u32::MAX)).expect("32 bits fit into 32 bits")
    }

    /// Waits until shortly before `frame.at`, then queues the frame, which is sent at exactly that time.
    pub async fn send(&self, frame: OpusFrame) -> Result<(), PublishError> {
        wait_for_lead(&frame).await;
        self.command(Command::Send {
            key: self.published.key,
            frame,
        })
    }

    /// Like [`Self::send`], but simulates the loss of the packet: its sequence number is used and nothing is sent.
    pub async fn skip_lost(&self, frame: OpusFrame) -> Result<(), PublishError> {
        wait_for_lead(&frame).await;
        self.command(Command::SkipLost {
            key: self.published.key,
            frame,
        })
    }

    /// Sends 20 ms frames in real time, starting now.
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

    /// Mutes the track for all participants. The server discards frames that are sent while it is muted.
    pub fn mute(&self) -> Result<(), PublishError> {
        self.command(Command::Mute {
            key: self.published.key,
            muted: true,
        })
    }

    /// Reverses [`Self::mute`].
    pub fn unmute(&self) -> Result<(), PublishError> {
        self.command(Command::Mute {
            key: self.published.key,
            muted: false,
        })
    }

    /// Unpublishes the track.
    pub fn unpublish(self) -> Result<(), PublishError> {
        self.command(Command::Unpublish {
            key: self.published.key,
        })
    }

    fn command(&self, command: Command) -> Result<(), PublishError> {
        self.commands.send(command).map_err(|_| PublishError::Left)
    }
}

async fn wait_for_lead(frame: &OpusFrame) {
    sleep_until(frame.at.checked_sub(LEAD).unwrap_or(frame.at).into()).await;
}
