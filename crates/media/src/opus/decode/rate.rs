//! The rates that recordings are decoded to, each as the type that counts its samples.

use std::ops::{Add, AddAssign, Sub};

use domain::SampleTime;

use crate::SAMPLE_RATE;

/// Counts the samples of decoded audio. The type selects the rate of a [`Decoder`](super::Decoder); libopus decodes to
/// either rate directly, without a resampler.
pub trait DecodedTime: Copy {
    /// Samples per second.
    const HZ: u32;

    /// Converts a number of samples at this rate.
    fn from_samples(samples: u64) -> Self;
}

/// Samples at 16 kHz within a recording: a position counted from its first sample, or a length. The rate that speech
/// recognition uses.
///
/// [`SampleTime`] counts at 48 kHz; the two types do not mix. Sums and differences saturate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SampleTime16k(pub u64);

impl DecodedTime for SampleTime {
    const HZ: u32 = SAMPLE_RATE;

    fn from_samples(samples: u64) -> Self {
        Self::from_samples(samples)
    }
}

impl DecodedTime for SampleTime16k {
    const HZ: u32 = 16_000;

    fn from_samples(samples: u64) -> Self {
        Self(samples)
    }
}

impl SampleTime16k {
    /// The first sample, or no length.
    pub const ZERO: Self = Self(0);

    /// Samples per second.
    pub const HZ: u32 = <Self as DecodedTime>::HZ;

    /// Converts the length of a buffer.
    pub const fn from_len(samples: usize) -> Self {
        Self(samples as u64)
    }

    /// Converts a time in milliseconds.
    pub const fn from_millis(ms: u64) -> Self {
        Self(ms.saturating_mul(Self::HZ as u64 / 1000))
    }

    /// Returns whole milliseconds, rounded down.
    pub const fn as_millis(self) -> u64 {
        self.0 / (Self::HZ as u64 / 1000)
    }

    /// Returns the same position or length at 48 kHz.
    pub fn to_48k(self) -> SampleTime {
        SampleTime::from_samples(self.0.saturating_mul(u64::from(SAMPLE_RATE / Self::HZ)))
    }
}

impl Add for SampleTime16k {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for SampleTime16k {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for SampleTime16k {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_second_is_16_000_samples_at_16_khz_and_48_000_at_48_khz() {
        let second = SampleTime16k::from_millis(1000);

        assert_eq!(second, SampleTime16k(16_000));
        assert_eq!(second.to_48k(), SampleTime::SECOND);
        assert_eq!(SampleTime16k(31_999).as_millis(), 1999);
    }

    #[test]
    fn arithmetic_saturates() {
        let most = SampleTime16k(u64::MAX);

        assert_eq!(most + SampleTime16k(1), most);
        assert_eq!(SampleTime16k::ZERO - SampleTime16k(1), SampleTime16k::ZERO);
        assert_eq!(most.to_48k(), SampleTime(i64::MAX));
    }
}
