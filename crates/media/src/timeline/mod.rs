//! Maps the samples of a recording to wall time and to the meeting's clock.
//!
//! A device's clock runs up to 100 ppm fast or slow, which is 0.36 s per hour, and the network delays some packets more
//! than others. The least delayed packets lie on a line, `arrival = a + b · sample`. Two tracks placed by their lines
//! are aligned as they reached the recorder, regardless of each device's clock.

mod envelope;
mod fit;

use domain::manifest::Fit;
use domain::{SampleTime, UnixNanos};

pub(crate) use envelope::Envelope;
pub use fit::{Point, fit};

/// Returns the milliseconds from the meeting's start to `sample`, rounded; negative if it is before the start.
pub fn meeting_time_ms(fit: &Fit, meeting_start: UnixNanos, sample: SampleTime) -> i64 {
    // subtract in whole nanoseconds first: as f64, nanoseconds since 1970 are too coarse
    let from_start_ns = fit.a_ns.nanos_since(meeting_start) as f64 + fit.b_ns * sample.0 as f64;
    (from_start_ns / 1e6).round() as i64
}

/// Returns the wall time of `sample`, by the recorder's clock.
pub fn wall_time(fit: &Fit, sample: SampleTime) -> UnixNanos {
    fit.a_ns.saturating_add((fit.b_ns * sample.0 as f64).round() as i64)
}

/// Returns the milliseconds from the meeting's start to the first sample, rounded: the `offset_ms` of a recording.
pub fn offset_ms(fit: &Fit, meeting_start: UnixNanos) -> i64 {
    meeting_time_ms(fit, meeting_start, SampleTime::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_placed_on_the_meetings_clock() {
        let fit = Fit {
            a_ns: UnixNanos(1_800_000_002_500_000_000),
            b_ns: 1e9 / 48_000.0,
        };
        let meeting_start = UnixNanos(1_800_000_000_000_000_000);
        let an_hour = SampleTime(48_000 * 3600);

        assert_eq!(offset_ms(&fit, meeting_start), 2500);
        assert_eq!(meeting_time_ms(&fit, meeting_start, an_hour), 2500 + 3_600_000);
        assert_eq!(
            meeting_time_ms(&fit, meeting_start.saturating_add(10_000_000_000), SampleTime::SECOND),
            -6500
        );
        assert_eq!(
            wall_time(&fit, SampleTime(-48_000)),
            UnixNanos(1_800_000_001_500_000_000)
        );
    }

    #[test]
    fn extreme_numbers_do_not_panic() {
        let fit = Fit {
            a_ns: UnixNanos(i64::MIN),
            b_ns: f64::NAN,
        };

        assert_eq!(meeting_time_ms(&fit, UnixNanos(i64::MAX), SampleTime(i64::MAX)), 0);
        assert_eq!(wall_time(&fit, SampleTime(i64::MAX)), fit.a_ns);
    }
}
