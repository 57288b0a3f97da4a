//! Where in the file a packet belongs.

use std::time::Instant;

use super::output::FirstPacket;
use crate::SAMPLE_RATE;
use crate::wall_clock::samples_between;

/// Timestamps and arrivals of one source may differ by this much, 30 s, before the timestamps are held for wrong.
const SOURCE_TOLERANCE: i64 = 30 * SAMPLE_RATE as i64;

/// After a new connection: 200 ms and a round trip of 50 ms.
const RECONNECT_TOLERANCE: i64 = SAMPLE_RATE as i64 / 4;

/// A step of timestamps up to here claims no pause worth a doubt: 240 ms, two of the longest packets. After a stall
/// of the network such packets come long after the one before, and still belong directly behind it.
const SMOOTH_STEP: i64 = 2 * 5760;

/// How far the file may run ahead of the arrivals by pauses that timestamps claim: 30 s, and 0.1 % for fast clocks.
/// Without it, many plausible jumps would add up to days of silence.
const MAX_AHEAD: i64 = SOURCE_TOLERANCE;

/// Whether a packet's numbers go on from the one before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Continuity {
    #[default]
    SameSource,
    /// Sequence numbers jumped by more than loss explains.
    JumpedNumbers,
    /// The recorder's own connection is a new one; numbers are unrelated, timestamps perhaps not.
    Reconnected,
}

/// Which clock decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Basis {
    Timestamp,
    Arrival,
}

/// A place in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) sample: i64,
    pub(super) basis: Basis,
}

/// Follows the timestamps of a track. Places come from sums of timestamp steps, never from what was written, so that
/// rounding does not add up.
#[derive(Debug, Default)]
pub(super) struct Placement {
    first: Option<Placed>,
    last: Option<Placed>,
}

#[derive(Clone, Copy, Debug)]
struct Placed {
    timestamp: u32,
    arrival: Instant,
    sample: i64,
}

impl Placement {
    /// Where a packet belongs; `written` samples are there already. The first one is at 0.
    pub(super) fn place(&self, timestamp: u32, arrival: Instant, continuity: Continuity, written: i64) -> Place {
        let Some(last) = self.last else {
            return Place {
                sample: 0,
                basis: Basis::Timestamp,
            };
        };
        let by_arrival = samples_between(last.arrival, arrival);
        let by_timestamp = step(last.timestamp, timestamp, by_arrival);
        let sample = last.sample.saturating_add(by_timestamp);
        let is_trusted = match continuity {
            Continuity::SameSource if (0..=SMOOTH_STEP).contains(&by_timestamp) => true,
            Continuity::SameSource => by_timestamp.abs_diff(by_arrival) as i64 <= SOURCE_TOLERANCE,
            Continuity::JumpedNumbers | Continuity::Reconnected => {
                by_timestamp.abs_diff(by_arrival) as i64 <= RECONNECT_TOLERANCE
            }
        };
        if is_trusted && (sample <= written || sample <= self.latest(arrival)) {
            return Place {
                sample,
                basis: Basis::Timestamp,
            };
        }
        // the arrival is only an estimate: it must not cost what is there
        let sample = last.sample.saturating_add(by_arrival.max(0)).min(self.latest(arrival));
        Place {
            sample: sample.max(written),
            basis: Basis::Arrival,
        }
    }

    /// Takes the packet's place as the one to count from.
    pub(super) fn accept(&mut self, timestamp: u32, arrival: Instant, sample: i64) {
        let placed = Placed {
            timestamp,
            arrival,
            sample,
        };
        self.first.get_or_insert(placed);
        self.last = Some(placed);
    }

    /// Sample of a timestamp near the last packet's.
    pub(super) fn sample_of(&self, timestamp: u32) -> Option<i64> {
        self.last
            .map(|last| last.sample.saturating_add(step(last.timestamp, timestamp, 0)))
    }

    /// Sample that is being spoken at `now`, as far as arrivals tell.
    pub(super) fn sample_at(&self, now: Instant) -> Option<u64> {
        let last = self.last?;
        let sample = last.sample.saturating_add(samples_between(last.arrival, now));
        Some(u64::try_from(sample).unwrap_or(0))
    }

    pub(super) fn first_packet(&self, wall: crate::WallClock) -> Option<FirstPacket> {
        let first = self.first?;
        let arrival_ns = wall.ns_at(first.arrival);
        Some(FirstPacket {
            rtp_timestamp: first.timestamp,
            arrival: first.arrival,
            arrival_ns,
        })
    }

    /// The last sample that a packet arriving then may be placed at.
    fn latest(&self, arrival: Instant) -> i64 {
        let elapsed = self.first.map_or(0, |first| samples_between(first.arrival, arrival));
        elapsed.saturating_add(elapsed / 1000).saturating_add(MAX_AHEAD)
    }
}

/// The step between two timestamps: of all that differ by whole turns of 2^32 the one nearest to `expected`, so that
/// a mute may last for days.
fn step(from: u32, to: u32, expected: i64) -> i64 {
    let beyond = to.wrapping_sub(from).wrapping_sub(expected as u32) as i32;
    expected.saturating_add(i64::from(beyond))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SECOND: i64 = SAMPLE_RATE as i64;

    struct Track {
        start: Instant,
        placement: Placement,
    }

    /// A track whose first packet came at 0 s with timestamp `first`.
    fn track(first: u32) -> Track {
        let start = Instant::now();
        let mut placement = Placement::default();
        placement.accept(first, start, 0);
        Track { start, placement }
    }

    impl Track {
        fn place(&self, timestamp: u32, seconds: f64, continuity: Continuity) -> Place {
            self.placement.place(
                timestamp,
                self.start + Duration::from_secs_f64(seconds),
                continuity,
                960,
            )
        }
    }

    fn by_timestamp(sample: i64) -> Place {
        Place {
            sample,
            basis: Basis::Timestamp,
        }
    }

    fn by_arrival(sample: i64) -> Place {
        Place {
            sample,
            basis: Basis::Arrival,
        }
    }

    #[test]
    fn timestamps_wrap_without_a_jump() {
        let track = track(u32::MAX - 959);

        assert_eq!(track.place(0, 0.02, Continuity::SameSource), by_timestamp(960));
    }

    #[test]
    fn a_mute_longer_than_the_timestamps_turn_keeps_its_length() {
        let hours = 60 * 3600;
        let track = track(7);

        let place = track.place(
            7u32.wrapping_add((hours * SECOND) as u32),
            hours as f64 + 0.3,
            Continuity::SameSource,
        );

        assert_eq!(place, by_timestamp(hours * SECOND));
    }

    #[test]
    fn a_jump_that_arrivals_deny_is_placed_by_arrival() {
        let track = track(0);

        assert_eq!(
            track.place(31 * SECOND as u32, 0.5, Continuity::SameSource),
            by_arrival(SECOND / 2)
        );
        assert_eq!(
            track.place((-31 * SECOND) as u32, 0.5, Continuity::SameSource),
            by_arrival(SECOND / 2)
        );
        assert_eq!(
            track.place(29 * SECOND as u32, 0.5, Continuity::SameSource),
            by_timestamp(29 * SECOND)
        );
    }

    #[test]
    fn packets_that_a_stall_delayed_follow_each_other() {
        let track = track(0);

        assert_eq!(track.place(960, 45.0, Continuity::SameSource), by_timestamp(960));
    }

    #[test]
    fn after_a_reconnect_timestamps_count_if_arrivals_agree() {
        let track = track(1000);

        let agreeing = track.place(1000 + 2 * SECOND as u32, 2.2, Continuity::Reconnected);
        let unrelated = track.place(2_000_000_000, 2.2, Continuity::Reconnected);

        assert_eq!(agreeing, by_timestamp(2 * SECOND));
        assert_eq!(unrelated, by_arrival(22 * SECOND / 10));
    }

    #[test]
    fn plausible_jumps_do_not_add_up() {
        let mut track = track(0);
        let mut timestamp = 0u32;
        let mut written = 960;

        for _ in 0..1000 {
            timestamp = timestamp.wrapping_add(29 * SECOND as u32);
            let place = track
                .placement
                .place(timestamp, track.start, Continuity::SameSource, written);
            track.placement.accept(timestamp, track.start, place.sample);
            written = written.max(place.sample) + 960;
        }

        assert!(written <= 31 * SECOND + 1000 * 960);
    }

    #[test]
    fn placing_by_arrival_never_overwrites() {
        let mut track = track(0);
        track.placement.accept(9600, track.start, 9600);

        let place = track
            .placement
            .place(3_000_000_000, track.start, Continuity::SameSource, 10_560);

        assert_eq!(place, by_arrival(10_560));
    }
}
