//! The names of Whereby's recordings in a bucket: `{room name}-{time of the start}.{mkv|mp4}`.

use chrono::{DateTime, NaiveDateTime, Utc};

use crate::lenient::is_storable;

/// Length of `-2026-03-01T`, which begins the time.
const DATE_LEN: usize = 12;

/// How the time is written. Whereby does not document whether its colons stay in a file's name.
const TIMES: &[&str] = &["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H-%M-%S%.f", "%Y-%m-%dT%H%M%S%.f"];

/// What the name of a recording says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordingFileName {
    /// The room's name without a leading slash.
    pub room: String,
    /// When the recording began.
    pub started_at: DateTime<Utc>,
}

impl RecordingFileName {
    /// Parses the last component of a key. The room's name may contain dashes and dates, so the last time counts. Returns
    /// `None` for another file.
    pub fn parse(key: &str) -> Option<Self> {
        let name = key.rsplit('/').next()?;
        let (stem, extension) = name.rsplit_once('.')?;
        if !matches!(extension, "mkv" | "mp4") {
            return None;
        }
        let at = (0..stem.len()).rev().find(|at| is_date(stem.get(*at..)))?;
        let (room, time) = stem.split_at(at);
        if room.is_empty() {
            return None;
        }
        Some(Self {
            room: room.to_owned(),
            started_at: parse_time(&time[1..])?,
        })
    }
}

/// Whether the text begins with `-2026-03-01T`, in any digits.
fn is_date(text: Option<&str>) -> bool {
    let Some(date) = text.and_then(|text| text.as_bytes().get(..DATE_LEN)) else {
        return false;
    };
    let fits = |(byte, pattern): (&u8, &u8)| match pattern {
        b'0' => byte.is_ascii_digit(),
        _ => byte == pattern,
    };
    date.iter().zip(b"-0000-00-00T").all(fits)
}

fn parse_time(text: &str) -> Option<DateTime<Utc>> {
    let zoned = DateTime::parse_from_rfc3339(text).map(|time| time.to_utc()).ok();
    let text = text.strip_suffix('Z').unwrap_or(text);
    let plain = |format: &&str| NaiveDateTime::parse_from_str(text, format).ok();
    let parsed = zoned.or_else(|| TIMES.iter().find_map(plain).map(|time| time.and_utc()));
    parsed.filter(is_storable)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn room_and_time_are_found_in_every_form_of_the_time() {
        let room = "standup-5d1d2f3c-0b7e-4c11-9f65-8e5b1f1f9a20";
        for time in [
            "2026-03-01T09:00:05Z",
            "2026-03-01T09:00:05",
            "2026-03-01T10:00:05+01:00",
            "2026-03-01T09-00-05Z",
            "2026-03-01T090005Z",
        ] {
            let parsed = RecordingFileName::parse(&format!("my/recordings/{room}-{time}.mp4")).unwrap();
            assert_eq!(
                (parsed.room.as_str(), parsed.started_at.timestamp()),
                (room, 1_772_355_605),
                "{time}"
            );
        }
        let fraction = RecordingFileName::parse(&format!("{room}-2026-03-01T09:00:05.250Z.mkv")).unwrap();
        assert_eq!(fraction.started_at.timestamp_millis(), 1_772_355_605_250);
    }

    #[test]
    fn the_last_date_is_the_time_of_the_start() {
        let parsed = RecordingFileName::parse("a-2025-01-01T00:00:00Z-2026-03-01T09:00:05Z.mp4").unwrap();

        assert_eq!(parsed.room, "a-2025-01-01T00:00:00Z");
    }

    #[test]
    fn other_files_are_no_recordings() {
        for key in [
            "",
            "a.mp4",
            "a-2026-03-01T09:00:05Z",
            "a-2026-03-01T09:00:05Z.txt",
            "-2026-03-01T09:00:05Z.mp4",
            "a-2026-13-01T09:00:05Z.mp4",
            "a-2026-03-01Tx.mp4",
            "a-2026-03-01T.mp4",
            "a-9999-03-01T09:00:05Z.mp4",
        ] {
            assert_eq!(RecordingFileName::parse(key), None, "{key}");
        }
    }

    proptest! {
        #[test]
        fn no_key_makes_the_parser_panic(key in "[0-9éT:./Z-]{0,60}(\\.mp4)?") {
            let _ = RecordingFileName::parse(&key);
        }
    }
}
