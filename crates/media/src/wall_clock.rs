//! Conversion of monotonic instants to wall time and to samples.

use std::time::Instant;

use domain::{SampleTime, UnixNanos};

use crate::SAMPLE_RATE;

/// Maps [`Instant`]s to wall time by one simultaneous reading of both clocks.
///
/// Use one per process: later steps of the system clock do not affect it, so all tracks of a room stay aligned with each
/// other.
#[derive(Clone, Copy, Debug)]
pub struct WallClock {
    /// The monotonic clock at the reading.
    pub instant: Instant,
    /// The wall clock at the reading.
    pub unix_nanos: UnixNanos,
}

impl WallClock {
    /// Returns the wall time at `instant`, which may be before the reading.
    pub fn unix_nanos_at(&self, instant: Instant) -> UnixNanos {
        self.unix_nanos
            .saturating_add(clamp(nanos_between(self.instant, instant)))
    }
}

/// Returns the samples from `from` to `to`; negative if `to` is earlier.
pub(crate) fn samples_between(from: Instant, to: Instant) -> SampleTime {
    SampleTime(clamp(nanos_between(from, to) * i128::from(SAMPLE_RATE) / 1_000_000_000))
}

fn nanos_between(from: Instant, to: Instant) -> i128 {
    let forward = to.saturating_duration_since(from).as_nanos();
    let backward = from.saturating_duration_since(to).as_nanos();
    // one of the two is zero, and a Duration has less than 2^94 nanoseconds
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
    fn an_instant_before_the_reading_has_an_earlier_wall_time() {
        let reading = Instant::now() + Duration::from_secs(10);
        let clock = WallClock {
            instant: reading,
            unix_nanos: UnixNanos(5_000_000_000),
        };

        let earlier = clock.unix_nanos_at(reading - Duration::from_secs(2));
        let later = clock.unix_nanos_at(reading + Duration::from_millis(1));

        assert_eq!((earlier, later), (UnixNanos(3_000_000_000), UnixNanos(5_001_000_000)));
    }

    #[test]
    fn samples_between_instants_are_signed() {
        let start = Instant::now();
        let end = start + Duration::from_millis(20);

        assert_eq!(samples_between(start, end), SampleTime(960));
        assert_eq!(samples_between(end, start), SampleTime(-960));
    }
}
