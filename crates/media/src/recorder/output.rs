//! What a recorder returns.

use std::time::Instant;

use bytes::Bytes;
use domain::manifest::{Gap, ManifestClock, Mute, PacketCounts};
use domain::{SampleTime, UnixNanos};

/// What the caller must do next.
#[derive(Clone, Debug)]
pub enum Output {
    /// Append these bytes, one Ogg page, to the file.
    Page(Bytes),
    /// Call `handle_timeout` at this instant, unless a packet arrives before.
    Wait(Instant),
    /// Nothing to do until a packet arrives.
    Idle,
    /// The recording has ended; nothing else follows.
    Done(Summary),
}

/// What was recorded, for the manifest.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// Length of the file, fillers included. 0 if no packet was recorded; then there were no pages either.
    pub samples: SampleTime,
    /// `None` if no packet was recorded.
    pub first_packet: Option<FirstPacket>,
    /// How samples map to time; `None` if no packet was recorded.
    pub clock: Option<ManifestClock>,
    /// Intervals that were filled, in order.
    pub gaps: Vec<Gap>,
    /// Muted intervals, in order.
    pub mutes: Vec<Mute>,
    /// What happened to the packets.
    pub counts: PacketCounts,
}

/// The packet at sample 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirstPacket {
    /// RTP timestamp of sample 0, 48 kHz.
    pub rtp_timestamp: u32,
    /// When the packet arrived.
    pub arrival: Instant,
    /// The same as wall time.
    pub arrived_at: UnixNanos,
}

/// Whether a track is muted, as the platform reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MuteState {
    /// The publisher has muted the track.
    Muted,
    /// The track is live.
    Unmuted,
}
