//! Times in requests.

use chrono::{DateTime, Datelike, Utc};
use serde::{Deserialize, Serialize};

use super::error::{ApiError, ApiResult};

/// A time that the database can compare: the years 1 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "DateTime<Utc>", into = "DateTime<Utc>")]
pub struct ApiTime(DateTime<Utc>);

/// The time is too far away.
#[derive(Debug, thiserror::Error)]
#[error("must be in the years 1 to 9999")]
pub struct OutOfRange;

impl ApiTime {
    /// Returns a time that was read from the database.
    pub fn stored(time: DateTime<Utc>) -> Self {
        Self(time)
    }
}

/// Refuses a period that ends before it begins.
pub fn check_order(from: Option<ApiTime>, to: Option<ApiTime>) -> ApiResult<()> {
    match from.zip(to) {
        Some((from, to)) if to.0 < from.0 => Err(ApiError::invalid("to", "must not be earlier than `from`")),
        _ => Ok(()),
    }
}

impl TryFrom<DateTime<Utc>> for ApiTime {
    type Error = OutOfRange;

    fn try_from(time: DateTime<Utc>) -> Result<Self, OutOfRange> {
        match (1..=9999).contains(&time.year()) {
            true => Ok(Self(time)),
            false => Err(OutOfRange),
        }
    }
}

impl From<ApiTime> for DateTime<Utc> {
    fn from(time: ApiTime) -> Self {
        time.0
    }
}
