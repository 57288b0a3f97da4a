//! Parses durations in Go's format, which LiveKit's configuration uses.

use std::time::Duration;

/// The longest accepted duration: ten years, far below any overflow.
const MAX: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// Parses `1h30m`, `90s`, `1.5h`, `500ms` or `0`.
pub fn parse(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let mut rest = text;
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let unit_at = rest.find(|c: char| c != '.' && !c.is_ascii_digit())?;
        let (number, tail) = rest.split_at(unit_at);
        let unit_len = tail
            .find(|c: char| c == '.' || c.is_ascii_digit())
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_len);
        seconds += number.parse::<f64>().ok()? * seconds_of(unit)?;
        rest = tail;
    }
    let duration = Duration::try_from_secs_f64(seconds).ok()?;
    (!text.is_empty() && duration <= MAX).then_some(duration)
}

fn seconds_of(unit: &str) -> Option<f64> {
    match unit {
        "h" => Some(3600.0),
        "m" => Some(60.0),
        "s" => Some(1.0),
        "ms" => Some(1e-3),
        "us" | "µs" => Some(1e-6),
        "ns" => Some(1e-9),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_in_gos_format_are_parsed() {
        let cases = [
            ("90m", 5400.0),
            ("1h30m", 5400.0),
            ("1.5h", 5400.0),
            ("500ms", 0.5),
            ("1m0.5s", 60.5),
            ("0", 0.0),
        ];

        for (text, seconds) in cases {
            assert_eq!(parse(text).unwrap().as_secs_f64(), seconds, "{text}");
        }
    }

    #[test]
    fn invalid_durations_are_refused() {
        for text in ["", "5", "h", "1d", "-1s", "1.2.3s", "1e9h", "99999999h", "5 m", "∞s"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
