//! The current time in the unit of LiveKit's protocol.

use chrono::Utc;
use domain::UnixNanos;

/// Returns the current wall time.
pub fn unix_now() -> UnixNanos {
    UnixNanos::from_datetime(Utc::now())
}
