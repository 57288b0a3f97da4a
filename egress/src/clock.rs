//! The current time in the unit of LiveKit's protocol.

use chrono::{DateTime, Utc};

/// Nanoseconds since 1970.
pub fn unix_ns() -> i64 {
    to_ns(Utc::now())
}

/// Nanoseconds since 1970; 0 for times that do not fit (before 1677, after 2262).
pub fn to_ns(time: DateTime<Utc>) -> i64 {
    time.timestamp_nanos_opt().unwrap_or_default()
}
