//! Points in time as the manifest and the recorder count them: wall time in nanoseconds, and samples of a recording.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Sub};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::manifest::SAMPLE_RATE;

/// Wall time: nanoseconds since 1970-01-01 00:00 UTC, leap seconds not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixNanos(pub i64);

impl UnixNanos {
    /// Converts a record's time. Times before 1677 or after 2262 do not fit and become 0.
    pub fn from_datetime(time: DateTime<Utc>) -> Self {
        Self(time.timestamp_nanos_opt().unwrap_or_default())
    }

    /// Adds `nanos`, which may be negative, without overflow.
    #[must_use]
    pub fn saturating_add(self, nanos: i64) -> Self {
        Self(self.0.saturating_add(nanos))
    }

    /// Returns the nanoseconds from `earlier` to `self`, without overflow; negative if `self` is the earlier one.
    pub fn nanos_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Returns whole milliseconds since 1970, rounded down.
    pub fn as_millis(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }
}

/// Samples at 48 kHz within a recording: a position counted from its first sample, or a length.
///
/// Ogg/Opus counts at 48 kHz whatever rate the codec works at (RFC 7845 section 4). A position before the first sample
/// is negative. Sums and differences saturate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SampleTime(pub i64);

impl SampleTime {
    /// The first sample, or no length.
    pub const ZERO: Self = Self(0);

    /// One second.
    pub const SECOND: Self = Self(SAMPLE_RATE as i64);

    /// Converts a number of samples; one that does not fit becomes the largest that does.
    pub fn from_samples(samples: u64) -> Self {
        Self(i64::try_from(samples).unwrap_or(i64::MAX))
    }

    /// Converts a time in milliseconds; one that does not fit becomes the largest that does.
    pub fn from_millis(ms: u64) -> Self {
        Self::from_samples(ms.saturating_mul(u64::from(SAMPLE_RATE / 1000)))
    }

    /// Returns whole milliseconds, rounded towards 0.
    pub const fn as_millis(self) -> i64 {
        self.0 / (SAMPLE_RATE as i64 / 1000)
    }

    /// Returns seconds.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / f64::from(SAMPLE_RATE)
    }

    /// Returns the number of samples, or 0 for a negative one.
    pub fn samples(self) -> u64 {
        u64::try_from(self.0).unwrap_or(0)
    }

    /// Returns how far two positions are apart.
    #[must_use]
    pub fn abs_diff(self, other: Self) -> Self {
        Self::from_samples(self.0.abs_diff(other.0))
    }
}

impl fmt::Display for UnixNanos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for SampleTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Add for SampleTime {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for SampleTime {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for SampleTime {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Sum for SampleTime {
    fn sum<I: Iterator<Item = Self>>(times: I) -> Self {
        times.fold(Self::ZERO, Add::add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_plain_numbers_in_json() {
        let json = serde_json::to_string(&(UnixNanos(1_800_000_000_000_000_000), SampleTime(-960))).unwrap();

        assert_eq!(json, "[1800000000000000000,-960]");
    }

    #[test]
    fn milliseconds_before_1970_round_down() {
        assert_eq!(UnixNanos(-1).as_millis(), -1);
        assert_eq!(UnixNanos(1_999_999).as_millis(), 1);
    }

    #[test]
    fn sample_arithmetic_saturates() {
        let most = SampleTime::from_samples(u64::MAX);

        assert_eq!(most + SampleTime(1), most);
        assert_eq!(SampleTime(i64::MIN) - SampleTime(1), SampleTime(i64::MIN));
        assert_eq!(SampleTime::from_millis(u64::MAX), most);
        assert_eq!(SampleTime(i64::MIN).abs_diff(most), most);
        assert_eq!(SampleTime(-5).samples(), 0);
    }

    #[test]
    fn a_second_is_48_000_samples() {
        assert_eq!(SampleTime::from_millis(1000), SampleTime::SECOND);
        assert_eq!(SampleTime(96_000).as_millis(), 2000);
        assert_eq!(SampleTime(24_000).as_secs_f64(), 0.5);
    }
}
