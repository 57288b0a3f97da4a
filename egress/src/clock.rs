//! The system clock: the current time in the unit of LiveKit's protocol, and readings of both clocks together.

use std::time::Instant;

use chrono::Utc;
use domain::UnixNanos;
use media::WallClock;

/// Returns the current wall time.
pub fn unix_now() -> UnixNanos {
    UnixNanos::from_datetime(Utc::now())
}

/// Reads the monotonic clock and the wall clock together.
pub fn read() -> WallClock {
    WallClock {
        instant: Instant::now(),
        unix_nanos: unix_now(),
    }
}
