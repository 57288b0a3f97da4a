//! What a recorder gives.

use std::time::Instant;

use bytes::Bytes;
use domain::manifest::{Gap, ManifestClock, Mute, PacketCounts};

/// What to do next.
#[derive(Clone, Debug)]
pub enum Output {
    /// Append these bytes to the file.
    Page(Bytes),
    /// Nothing to do before then, unless a packet comes in.
    Wait(Instant),
    /// Nothing to do until a packet comes in.
    Idle,
    /// The stream has ended; nothing more will come.
    Done(Summary),
}

/// What was recorded, for the manifest.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// Length of the file at 48 kHz, fillers included. 0: there was no sound, and no page was given.
    pub samples: u64,
    pub first_packet: Option<FirstPacket>,
    /// There if `first_packet` is.
    pub clock: Option<ManifestClock>,
    pub gaps: Vec<Gap>,
    pub mutes: Vec<Mute>,
    pub counts: PacketCounts,
}

/// The packet at sample 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirstPacket {
    pub rtp_timestamp: u32,
    pub arrival: Instant,
    /// The same as wall time, nanoseconds since 1970.
    pub arrival_ns: i64,
}

/// What the platform says about a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MuteState {
    Muted,
    Unmuted,
}
