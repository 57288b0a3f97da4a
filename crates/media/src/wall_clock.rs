//! Monotonic instants as wall time, and as samples.

use std::time::Instant;

use crate::SAMPLE_RATE;

/// Maps [`Instant`]s to wall time by one reading of both clocks. One per process: what it says is untouched by later
/// steps of the system's clock, so that all tracks of a room stay right among themselves.
#[derive(Clone, Copy, Debug)]
pub struct WallClock {
    pub instant: Instant,
    /// Wall time at `instant`, nanoseconds since 1970.
    pub wall_ns: i64,
}

impl WallClock {
    /// Nanoseconds since 1970 at `instant`, which may lie before the reading.
    pub fn ns_at(&self, instant: Instant) -> i64 {
        self.wall_ns.saturating_add(clamp(nanos_between(self.instant, instant)))
    }
}

/// Samples at 48 kHz from `from` to `to`; negative if `to` is earlier.
pub(crate) fn samples_between(from: Instant, to: Instant) -> i64 {
    clamp(nanos_between(from, to) * i128::from(SAMPLE_RATE) / 1_000_000_000)
}

fn nanos_between(from: Instant, to: Instant) -> i128 {
    let forward = to.saturating_duration_since(from).as_nanos();
    let backward = from.saturating_duration_since(to).as_nanos();
    // one of the two is zero, and a Duration's nanoseconds are below 2^94
    forward as i128 - backward as i128
}

fn clamp(value: i128) -> i64 {
    value.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_instant_before_the_reading_lies_before_its_wall_time() {
        let reading = Instant::now() + Duration::from_secs(10);
        let clock = WallClock {
            instant: reading,
            wall_ns: 5_000_000_000,
        };

        let earlier = clock.ns_at(reading - Duration::from_secs(2));
        let later = clock.ns_at(reading + Duration::from_millis(1));

        assert_eq!((earlier, later), (3_000_000_000, 5_001_000_000));
    }

    #[test]
    fn samples_between_instants_have_a_sign() {
        let start = Instant::now();
        let end = start + Duration::from_millis(20);

        assert_eq!(samples_between(start, end), 960);
        assert_eq!(samples_between(end, start), -960);
    }
}
