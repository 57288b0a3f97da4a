//! Maps RTP timestamps to positions in the file.

use std::time::Instant;

use domain::SampleTime;

use super::output::FirstPacket;
use crate::wall_clock::samples_between;

/// Timestamps and arrival times of one source may differ by this much, 30 s; beyond that the timestamps are not trusted.
const SOURCE_TOLERANCE: SampleTime = SampleTime(30 * SampleTime::SECOND.0);

/// The same after a reconnect, 1 s. livekit-server keeps the timestamps of a track over a new subscription, but on a busy
/// machine the first packet is up to 400 ms late (measured). A random timestamp is within 1 s by chance once in 45 000.
const RECONNECT_TOLERANCE: SampleTime = SampleTime::SECOND;

/// The publisher's clock may run fast or slow by one in this many, 500 ppm, while there is no connection.
const MAX_DRIFT: i64 = 2000;

/// A timestamp step of up to 240 ms, two of the longest packets, is trusted without looking at arrival times. After a
/// stall of the network such packets arrive long after the one before, and still belong directly behind it.
const SMOOTH_STEP: SampleTime = SampleTime(2 * 5760);

/// How far the file may run ahead of the arrivals because of pauses in the timestamps: 30 s, and 0.1 % for fast clocks.
/// Without this limit, many plausible jumps would add up to days of silence.
const MAX_AHEAD: SampleTime = SOURCE_TOLERANCE;

/// How a packet's numbers relate to those of the packet before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Continuity {
    /// They continue.
    #[default]
    SameSource,
    /// Sequence numbers jumped by more than loss explains.
    SequenceJump,
    /// The recorder reconnected: sequence numbers are unrelated, timestamps may be.
    Reconnected,
    /// The same, and an earlier process wrote what was before: its clock may have been another.
    Resumed,
}

/// The longest step by arrival times after another process, 24 h. A longer one means that the machine restarted with a
/// wrong clock.
const MAX_RESUMED_STEP: SampleTime = SampleTime(24 * 3600 * SampleTime::SECOND.0);

/// Which clock a position was derived from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Basis {
    Timestamp,
    Arrival,
}

/// A packet's position in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) sample: SampleTime,
    pub(super) basis: Basis,
}

/// Maps the timestamps of one track. Positions are sums of timestamp steps and independent of what was written, so
/// rounding does not accumulate.
#[derive(Debug, Default)]
pub(super) struct TimestampMapper {
    first: Option<MappedPacket>,
    last: Option<MappedPacket>,
    /// Where `latest` counts from: the first packet that this process received.
    origin: Option<MappedPacket>,
}

/// A packet and its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MappedPacket {
    pub(super) timestamp: u32,
    pub(super) arrival: Instant,
    pub(super) sample: SampleTime,
}

impl TimestampMapper {
    /// Continues the mapping of another process.
    pub(super) fn resume(first: MappedPacket, last: MappedPacket) -> Self {
        Self {
            first: Some(first),
            last: Some(last),
            origin: None,
        }
    }

    /// Returns a packet's position; the first packet is at 0. The file is `written` samples long so far.
    pub(super) fn position(
        &self,
        timestamp: u32,
        arrival: Instant,
        continuity: Continuity,
        written: SampleTime,
    ) -> Position {
        let Some(last) = self.last else {
            return Position {
                sample: SampleTime::ZERO,
                basis: Basis::Timestamp,
            };
        };
        let by_arrival = match continuity {
            Continuity::Resumed => samples_between(last.arrival, arrival).clamp(SampleTime::ZERO, MAX_RESUMED_STEP),
            _ => samples_between(last.arrival, arrival),
        };
        let by_timestamp = timestamp_step(last.timestamp, timestamp, by_arrival);
        let sample = last.sample + by_timestamp;
        let is_trusted = is_trusted(continuity, by_timestamp, by_arrival)
            || (continuity > Continuity::SameSource && self.agrees_with_start(sample, arrival));
        if is_trusted && (sample <= written || sample <= self.latest(arrival, written)) {
            return Position {
                sample,
                basis: Basis::Timestamp,
            };
        }
        // the arrival time is only an estimate, so it never moves a packet onto audio that is written
        let sample = (last.sample + by_arrival.max(SampleTime::ZERO)).min(self.latest(arrival, written));
        Position {
            sample: sample.max(written),
            basis: Basis::Arrival,
        }
    }

    /// Makes a packet at `sample` the reference for the packets after it.
    pub(super) fn advance(&mut self, timestamp: u32, arrival: Instant, sample: SampleTime) {
        let packet = MappedPacket {
            timestamp,
            arrival,
            sample,
        };
        self.first.get_or_insert(packet);
        self.origin.get_or_insert(packet);
        self.last = Some(packet);
    }

    /// Returns the position of a timestamp near that of the last packet.
    pub(super) fn sample_of(&self, timestamp: u32) -> Option<SampleTime> {
        self.last
            .map(|last| last.sample + timestamp_step(last.timestamp, timestamp, SampleTime::ZERO))
    }

    /// Estimates from the arrival times which sample is being spoken at `now`.
    pub(super) fn sample_at(&self, now: Instant) -> Option<SampleTime> {
        let last = self.last?;
        Some((last.sample + samples_between(last.arrival, now)).max(SampleTime::ZERO))
    }

    /// Returns the time since the arrival of the last packet.
    pub(super) fn since_last(&self, now: Instant) -> SampleTime {
        self.last
            .map_or(SampleTime::ZERO, |last| samples_between(last.arrival, now))
    }

    pub(super) fn first(&self) -> Option<MappedPacket> {
        self.first
    }

    pub(super) fn last(&self) -> Option<MappedPacket> {
        self.last
    }

    pub(super) fn first_packet(&self, wall: crate::WallClock) -> Option<FirstPacket> {
        let first = self.first?;
        Some(FirstPacket {
            rtp_timestamp: first.timestamp,
            arrival: first.arrival,
            arrived_at: wall.unix_nanos_at(first.arrival),
        })
    }

    /// Whether the time since the first packet confirms a position. The packet before says nothing if it was read late,
    /// for example because the whole machine stood still: its arrival is then that of the packets after it.
    fn agrees_with_start(&self, sample: SampleTime, arrival: Instant) -> bool {
        self.first.is_some_and(|first| {
            let elapsed = samples_between(first.arrival, arrival);
            (sample - first.sample).abs_diff(elapsed) <= reconnect_tolerance(elapsed)
        })
    }

    /// Returns the latest position allowed for a packet that arrives at `arrival`.
    fn latest(&self, arrival: Instant, written: SampleTime) -> SampleTime {
        let Some(origin) = self.origin else {
            return written + MAX_RESUMED_STEP;
        };
        let elapsed = samples_between(origin.arrival, arrival);
        origin.sample + elapsed + SampleTime(elapsed.0 / 1000) + MAX_AHEAD
    }
}

/// Whether arrival times confirm a timestamp step.
fn is_trusted(continuity: Continuity, by_timestamp: SampleTime, by_arrival: SampleTime) -> bool {
    let difference = by_timestamp.abs_diff(by_arrival);
    match continuity {
        Continuity::SameSource => {
            (SampleTime::ZERO..=SMOOTH_STEP).contains(&by_timestamp) || difference <= SOURCE_TOLERANCE
        }
        Continuity::SequenceJump | Continuity::Reconnected | Continuity::Resumed => {
            difference <= reconnect_tolerance(by_arrival)
        }
    }
}

/// How far timestamps and arrival times may be apart after a reconnect, if both started to run at the same time.
fn reconnect_tolerance(elapsed: SampleTime) -> SampleTime {
    RECONNECT_TOLERANCE + SampleTime(elapsed.0.max(0) / MAX_DRIFT)
}

/// Returns the step between two timestamps. Of all steps that differ by multiples of 2^32 it is the one nearest to
/// `expected`, so a mute may last for days.
fn timestamp_step(from: u32, to: u32, expected: SampleTime) -> SampleTime {
    let beyond = to.wrapping_sub(from).wrapping_sub(expected.0 as u32) as i32;
    expected + SampleTime(i64::from(beyond))
}

#[cfg(test)]
mod tests;
