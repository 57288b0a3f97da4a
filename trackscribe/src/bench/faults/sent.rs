//! What a speaker sent, packet by packet.

use std::{
    ops::Range,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use super::speaker::PACKET;

/// What a speaker sent. Packet `n` was sent at `start + n · 20 ms`, unless the speaker was muted or not connected.
#[derive(Clone, Debug)]
pub struct Sent {
    pub identity: String,
    /// What the reports call the speaker.
    pub label: String,
    /// Packets into the sound at which the track starts.
    pub offset: i64,
    pub start: Instant,
    /// Wall time of `start`, in nanoseconds since 1970.
    pub start_ns: i64,
    /// All tracks of the speaker, in order; LiveKit gives a speaker who comes back a new one.
    pub track_sids: Vec<String>,
    pub runs: Vec<SentRun>,
}

/// Packets that were sent one after the other on one track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentRun {
    pub track_sid: String,
    pub first: i64,
    pub until: i64,
}

impl Sent {
    pub fn new(identity: String, label: String, offset: i64) -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            identity,
            label,
            offset,
            start: Instant::now(),
            start_ns: wall.as_nanos() as i64,
            track_sids: Vec::new(),
            runs: Vec::new(),
        }
    }

    pub fn instant_of(&self, number: i64) -> Instant {
        self.start + PACKET * u32::try_from(number).unwrap_or_default()
    }

    /// The first packet that is not sent before `instant`.
    pub fn number_at(&self, instant: Instant) -> i64 {
        let since = instant.saturating_duration_since(self.start);
        since.as_nanos().div_ceil(PACKET.as_nanos()) as i64
    }

    /// Wall time at which a packet was sent, in nanoseconds since 1970.
    pub fn wall_ns_of(&self, number: i64) -> i64 {
        self.start_ns + number * PACKET.as_nanos() as i64
    }

    /// Iterates over the packets in `range` that were sent.
    pub fn numbers(&self, range: Range<i64>) -> impl Iterator<Item = i64> + '_ {
        self.runs
            .iter()
            .flat_map(move |run| run.first.max(range.start)..run.until.min(range.end))
    }

    /// Length of audio in packets.
    pub fn duration(packets: i64) -> Duration {
        PACKET * u32::try_from(packets).unwrap_or_default()
    }
}
