//! The clocks of this machine.

use std::{
    fs,
    sync::OnceLock,
    time::{Duration, Instant},
};

use chrono::Utc;
use domain::UnixNanos;
use media::{Moment, SavedClock, WallClock};
use rustix::time::{ClockId, clock_gettime};

/// Three readings in a row are hardly all interrupted.
const READINGS: usize = 3;

/// Returns the current wall time.
pub fn unix_now() -> UnixNanos {
    UnixNanos::from_datetime(Utc::now())
}

/// Reads the monotonic clock and the wall clock together.
pub fn read() -> WallClock {
    moment().wall()
}

/// Returns `wall` as the next process can [`restore`] it.
pub fn save(wall: &WallClock) -> SavedClock {
    moment().save(wall)
}

/// Returns the mapping that an earlier process saved; `None` if the machine has restarted since.
pub fn restore(saved: &SavedClock) -> Option<WallClock> {
    moment().restore(saved)
}

/// Reads all clocks at once. Of several readings the one that took least time is used, because this thread may be
/// interrupted between two clocks.
fn moment() -> Moment {
    let readings = (0..READINGS).map(|_| reading());
    let (_, best) = readings.min_by_key(|(took, _)| *took).expect("there is a reading");
    best
}

fn reading() -> (Duration, Moment) {
    let instant = Instant::now();
    let boottime = clock_gettime(ClockId::Boottime);
    let unix_ns = unix_now();
    let took = instant.elapsed();
    let boottime_ns = boottime
        .tv_sec
        .saturating_mul(1_000_000_000)
        .saturating_add(boottime.tv_nsec);
    let clock = SavedClock {
        boot_id: boot_id().to_owned(),
        boottime_ns,
        unix_ns,
    };
    (took, Moment { instant, clock })
}

/// Identifies the run of the operating system. Without it, this process alone continues its clock.
fn boot_id() -> &'static str {
    static BOOT_ID: OnceLock<String> = OnceLock::new();
    BOOT_ID.get_or_init(|| {
        fs::read_to_string("/proc/sys/kernel/random/boot_id").map_or_else(
            |_| format!("process-{:x}", rand::random::<u128>()),
            |id| id.trim().to_owned(),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_readings_of_one_boot_continue_each_other() {
        let wall = read();

        let restored = restore(&save(&wall)).unwrap();

        let apart = restored.unix_nanos_at(wall.instant).nanos_since(wall.unix_nanos);
        assert!(apart.abs() < 50_000_000, "{apart} ns");
    }
}
