//! Converts times of a recording to meeting time.

use chrono::{DateTime, Utc};
use domain::{SampleTime, UnixNanos, manifest::Fit, transcript::Word};
use media::timeline::meeting_time_ms;

use crate::engine::RecognizedWord;

/// Returns the words in meeting time. Times before the meeting's start are moved to its start.
pub fn align(words: &[RecognizedWord], fit: &Fit, meeting_start: DateTime<Utc>) -> Vec<Word> {
    let meeting_start = UnixNanos::from_datetime(meeting_start);
    let moment = |ms: u64| meeting_time_ms(fit, meeting_start, SampleTime::from_millis(ms)).max(0);
    let place_word = |word: &RecognizedWord| Word {
        text: word.text.clone(),
        start_ms: moment(word.start_ms),
        end_ms: moment(word.end_ms),
        confidence: word.confidence,
    };
    words.iter().map(place_word).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fit(a_ns: i64, drift: f64) -> Fit {
        Fit {
            a_ns: UnixNanos(a_ns),
            b_ns: 1e9 / 48_000.0 * (1.0 + drift),
        }
    }

    fn meeting_start() -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap()
    }

    fn times(words: &[RecognizedWord], fit: &Fit) -> Vec<(i64, i64)> {
        align(words, fit, meeting_start())
            .iter()
            .map(|w| (w.start_ms, w.end_ms))
            .collect()
    }

    #[test]
    fn words_are_placed_by_their_samples() {
        let words = [
            RecognizedWord::new("now", 0, 300),
            RecognizedWord::new("an hour later", 3_600_000, 3_600_500),
        ];
        let late = 1_800_000_002_500_000_000;

        assert_eq!(times(&words, &fit(late, 0.0)), [(2_500, 2_800), (3_602_500, 3_603_000)]);
        // A clock that runs 100 ppm fast is 360 ms ahead after an hour.
        assert_eq!(
            times(&words, &fit(late, 1e-4)),
            [(2_500, 2_800), (3_602_860, 3_603_360)]
        );
    }

    #[test]
    fn no_word_precedes_the_meeting_and_extreme_numbers_do_not_panic() {
        let words = [
            RecognizedWord::new("early", 0, 400),
            RecognizedWord::new("never", u64::MAX, u64::MAX),
        ];

        let early = times(&words[..1], &fit(1_799_999_999_900_000_000, 0.0));
        let hostile = times(&words, &fit(i64::MIN, f64::NAN));

        assert_eq!(early, [(0, 300)]);
        assert_eq!(hostile, [(0, 0), (0, 0)]);
    }
}
