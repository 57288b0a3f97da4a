//! Conversion of monotonic instants to wall time and to samples.

use std::time::{Duration, Instant};

use domain::{SampleTime, UnixNanos};
use serde::{Deserialize, Serialize};

use crate::SAMPLE_RATE;

/// Maps [`Instant`]s to wall time by one simultaneous reading of both clocks.
///
/// Use one per room: later steps of the system clock do not affect it, so all tracks of a meeting stay aligned with each
/// other. A [`SavedClock`] carries it over to the next process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

    /// Returns the instant of a wall time. One that the monotonic clock cannot express becomes the reading.
    pub fn instant_at(&self, time: UnixNanos) -> Instant {
        let offset = time.nanos_since(self.unix_nanos);
        let distance = Duration::from_nanos(offset.unsigned_abs());
        let instant = if offset < 0 {
            self.instant.checked_sub(distance)
        } else {
            self.instant.checked_add(distance)
        };
        instant.unwrap_or(self.instant)
    }
}

/// A [`WallClock`] as it is written to a file. It is valid until the machine restarts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedClock {
    /// Identifies the run of the operating system, `/proc/sys/kernel/random/boot_id`.
    pub boot_id: String,
    /// Time since the machine started, `CLOCK_BOOTTIME`, at the reading.
    pub boottime_ns: i64,
    /// The wall clock at the reading.
    pub unix_ns: UnixNanos,
}

/// A simultaneous reading of all clocks of the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The monotonic clock.
    pub instant: Instant,
    /// The clocks that other processes can read as well.
    pub clock: SavedClock,
}

impl Moment {
    /// Returns the mapping that this reading gives.
    pub fn wall(&self) -> WallClock {
        WallClock {
            instant: self.instant,
            unix_nanos: self.clock.unix_ns,
        }
    }

    /// Returns `wall` in the form that another process can restore.
    pub fn save(&self, wall: &WallClock) -> SavedClock {
        SavedClock {
            boot_id: self.clock.boot_id.clone(),
            boottime_ns: self.clock.boottime_ns,
            unix_ns: wall.unix_nanos_at(self.instant),
        }
    }

    /// Returns the mapping that `saved` describes; `None` if the machine has restarted since, or if the reading lies in
    /// the future.
    pub fn restore(&self, saved: &SavedClock) -> Option<WallClock> {
        let elapsed_ns = self.clock.boottime_ns.checked_sub(saved.boottime_ns)?;
        let is_valid = saved.boot_id == self.clock.boot_id && elapsed_ns >= 0;
        is_valid.then(|| WallClock {
            instant: self.instant,
            unix_nanos: saved.unix_ns.saturating_add(elapsed_ns),
        })
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

    fn moment(boot_id: &str, boottime_ns: i64, unix_ns: i64) -> Moment {
        Moment {
            instant: Instant::now(),
            clock: SavedClock {
                boot_id: boot_id.to_owned(),
                boottime_ns,
                unix_ns: UnixNanos(unix_ns),
            },
        }
    }

    #[test]
    fn the_next_process_continues_the_mapping_although_the_system_clock_was_set() {
        let before = moment("a", 5_000_000_000, 100_000_000_000);
        let saved = before.save(&before.wall());
        let after = moment("a", 8_000_000_000, 999_000_000_000);

        let restored = after.restore(&saved).unwrap();

        assert_eq!(restored.unix_nanos_at(after.instant), UnixNanos(103_000_000_000));
    }

    #[test]
    fn a_mapping_of_another_boot_or_of_the_future_is_not_continued() {
        let saved = moment("a", 5, 100).clock;

        assert_eq!(moment("b", 9, 200).restore(&saved), None);
        assert_eq!(moment("a", 4, 200).restore(&saved), None);
        assert_eq!(moment("a", i64::MIN, 200).restore(&saved), None);
    }

    #[test]
    fn wall_time_and_instant_convert_into_each_other() {
        let wall = moment("a", 5, 1_800_000_000_000_000_000).wall();

        for offset in [-5_000_000_000, 0, 7] {
            let time = wall.unix_nanos.saturating_add(offset);
            assert_eq!(wall.unix_nanos_at(wall.instant_at(time)), time);
        }
        for extreme in [i64::MIN, i64::MAX] {
            wall.instant_at(UnixNanos(extreme));
        }
    }

    #[test]
    fn samples_between_instants_are_signed() {
        let start = Instant::now();
        let end = start + Duration::from_millis(20);

        assert_eq!(samples_between(start, end), SampleTime(960));
        assert_eq!(samples_between(end, start), SampleTime(-960));
    }
}
