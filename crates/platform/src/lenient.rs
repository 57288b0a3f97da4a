//! Deserializes what platforms send without rejecting a whole message for one field: a value of the wrong type counts as
//! missing, a number may be an integer, a float or a decimal string.

use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Numbers above this are milliseconds: as seconds, they lie in the year 5138.
const FIRST_MILLIS: f64 = 1e11;

/// Deserializes a value, or the default if it has the wrong type.
pub fn lenient<'de, D: Deserializer<'de>, T: DeserializeOwned + Default>(from: D) -> Result<T, D::Error> {
    let value = Value::deserialize(from)?;
    Ok(T::deserialize(value).unwrap_or_default())
}

/// Deserializes an integer from a number or string, truncating fractions. Returns 0 for anything else and out of range.
pub fn number<'de, D: Deserializer<'de>>(from: D) -> Result<i64, D::Error> {
    Ok(integer(&Value::deserialize(from)?).unwrap_or_default())
}

/// Deserializes an integer as [`number`] does; anything else is `None`.
pub fn optional_number<'de, D: Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    Ok(integer(&Value::deserialize(from)?))
}

/// Deserializes a time: Unix seconds or milliseconds as any kind of number, or RFC 3339. Anything else is `None`.
pub fn time<'de, D: Deserializer<'de>>(from: D) -> Result<Option<DateTime<Utc>>, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::Number(number) => number.as_f64().and_then(unix),
        Value::String(text) => text_time(&text),
        _ => None,
    })
}

/// Deserializes a list whose unreadable elements are left out.
pub fn list<'de, D: Deserializer<'de>, T: DeserializeOwned>(from: D) -> Result<Vec<T>, D::Error> {
    let Value::Array(items) = Value::deserialize(from)? else {
        return Ok(Vec::new());
    };
    Ok(items.into_iter().filter_map(|item| T::deserialize(item).ok()).collect())
}

/// Reads a time from text: RFC 3339, or a Unix time in digits.
pub fn text_time(text: &str) -> Option<DateTime<Utc>> {
    let time = DateTime::parse_from_rfc3339(text).map(|time| time.to_utc()).ok();
    time.filter(is_storable).or_else(|| text.parse().ok().and_then(unix))
}

/// Converts a Unix time in seconds, or in milliseconds if it is so large, to the microsecond.
pub fn unix(since_1970: f64) -> Option<DateTime<Utc>> {
    let seconds = if since_1970 >= FIRST_MILLIS {
        since_1970 / 1000.0
    } else {
        since_1970
    };
    let micros = (seconds * 1e6).round();
    let fits = micros.is_finite() && micros.abs() < i64::MAX as f64;
    let time = fits.then(|| DateTime::from_timestamp_micros(micros as i64)).flatten();
    time.filter(is_storable)
}

/// Whether the time is set and fits both a PostgreSQL timestamp and an `i64` of nanoseconds.
pub fn is_storable(time: &DateTime<Utc>) -> bool {
    time.timestamp() > 0 && time.timestamp_nanos_opt().is_some()
}

fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64().or_else(|| number.as_f64().and_then(whole)),
        Value::String(text) => text.parse().ok().or_else(|| text.parse().ok().and_then(whole)),
        _ => None,
    }
}

fn whole(number: f64) -> Option<i64> {
    /// Every integer up to 2^53 is exact in an `f64`.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    (number.abs() <= EXACT).then_some(number as i64)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: Value) -> Option<i64> {
        time(value).unwrap().map(|time| time.timestamp_micros())
    }

    #[test]
    fn a_time_is_read_from_every_form_that_platforms_send() {
        assert_eq!(read(json!(1_772_355_601)), Some(1_772_355_601_000_000));
        assert_eq!(read(json!(1_772_355_601.5)), Some(1_772_355_601_500_000));
        assert_eq!(read(json!("1772355601.25")), Some(1_772_355_601_250_000));
        assert_eq!(read(json!(1_772_355_605_120_i64)), Some(1_772_355_605_120_000));
        assert_eq!(read(json!("2026-03-01T09:00:01.500Z")), Some(1_772_355_601_500_000));
        assert_eq!(read(json!("2026-03-01T10:00:01+01:00")), Some(1_772_355_601_000_000));
    }

    #[test]
    fn what_is_no_time_or_fits_no_column_is_missing() {
        for value in [
            json!(null),
            json!(0),
            json!(-5),
            json!(1e300),
            json!("NaN"),
            json!("inf"),
            json!(i64::MAX),
            json!({}),
            json!(""),
            json!("9999-12-31T00:00:00Z"),
        ] {
            assert_eq!(read(value.clone()), None, "{value}");
        }
    }

    #[test]
    fn unreadable_elements_of_a_list_are_left_out() {
        assert_eq!(list::<_, u8>(json!([1, "x", 300, 7])).unwrap(), [1, 7]);
        assert!(list::<_, u8>(json!(null)).unwrap().is_empty());
    }
}
