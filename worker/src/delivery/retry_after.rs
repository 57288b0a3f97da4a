//! The header `Retry-After`.

use std::time::Duration;

use chrono::{DateTime, Utc};

/// Returns the pause that the header asks for: seconds, or until an HTTP date. `None` if it is neither.
pub fn parse(value: &str, now: DateTime<Utc>) -> Option<Duration> {
    let value = value.trim();
    if value.bytes().all(|byte| byte.is_ascii_digit()) && !value.is_empty() {
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let at = DateTime::parse_from_rfc2822(value).ok()?;
    Some((at.to_utc() - now).to_std().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_dates_are_read_and_everything_else_is_ignored() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap(); // Fri, 15 Jan 2027 08:00:00 GMT
        let seconds = |value| parse(value, now).map(|pause| pause.as_secs());

        assert_eq!(seconds("120"), Some(120));
        assert_eq!(seconds("Fri, 15 Jan 2027 08:01:30 GMT"), Some(90));
        assert_eq!(seconds("Fri, 15 Jan 2027 07:00:00 GMT"), Some(0));
        assert_eq!(seconds("99999999999999999999999"), Some(u64::MAX));
        for bad in ["", "-1", "1.5", "soon", "+5", "Fri, 32 Jan 2027 08:01:30 GMT"] {
            assert_eq!(seconds(bad), None, "{bad}");
        }
    }
}
