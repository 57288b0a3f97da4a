//! Which moment a sample of a recording belongs to.
//!
//! A device's clock runs up to 100 ppm off, 0.36 s an hour, and the network delays packets, some more than others. The
//! packets that were delayed least lie on a line: `arrival = a + b · sample`. Two tracks placed by their lines lie
//! beside each other as they reached the recorder, whatever each device believes the time is.

mod envelope;
mod fit;

use domain::manifest::Fit;

pub(crate) use envelope::Envelope;
pub use fit::{Point, fit};

/// Milliseconds from the meeting's start (nanoseconds since 1970) to `sample`; negative if it lies before.
pub fn place(fit: &Fit, meeting_start_ns: i64, sample: u64) -> i64 {
    // whole nanoseconds first: as floating point, nanoseconds since 1970 are too coarse
    let from_start_ns = fit.a_ns.saturating_sub(meeting_start_ns) as f64 + fit.b_ns * sample as f64;
    (from_start_ns / 1e6).round() as i64
}

/// Milliseconds from the meeting's start to the recording's first sample: `offset_ms` of a recording.
pub fn offset_ms(fit: &Fit, meeting_start_ns: i64) -> i64 {
    place(fit, meeting_start_ns, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_lie_on_the_meetings_clock() {
        let fit = Fit {
            a_ns: 1_800_000_002_500_000_000,
            b_ns: 1e9 / 48_000.0,
        };
        let meeting_start_ns = 1_800_000_000_000_000_000;

        assert_eq!(offset_ms(&fit, meeting_start_ns), 2500);
        assert_eq!(place(&fit, meeting_start_ns, 48_000 * 3600), 2500 + 3_600_000);
        assert_eq!(place(&fit, meeting_start_ns + 10_000_000_000, 48_000), -6500);
    }

    #[test]
    fn hostile_numbers_do_no_harm() {
        let fit = Fit {
            a_ns: i64::MIN,
            b_ns: f64::NAN,
        };

        assert_eq!(place(&fit, i64::MAX, u64::MAX), 0);
    }
}
