//! Converts times of a recording to meeting time.

use std::ops::Range;

use chrono::{DateTime, Utc};
use domain::{
    SampleTime, UnixNanos,
    interval::{Interval, IntervalSet},
    manifest::Fit,
    recording::Acceptance,
    transcript::Word,
};
use media::timeline::{meeting_time_ms, wall_time};

use crate::engine::RecognizedWord;

/// A shorter hole hides no word; the recording that has it is used nevertheless.
const SHORTEST_HOLE_NS: i64 = 200_000_000;

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

/// Returns the stretches of a recording that hold sound, in meeting time: from its first to its last sample, without holes.
pub fn sound(recording: &Acceptance, meeting_start: DateTime<Utc>) -> Vec<Range<i64>> {
    let start_ms = UnixNanos::from_datetime(meeting_start).as_millis();
    let whole = Interval::new(recording.fit.a_ns, wall_time(&recording.fit, recording.samples));
    let holes = recording.coverage.iter().flat_map(|coverage| &coverage.holes);
    let holes = holes
        .map(|hole| Interval::from(*hole))
        .filter(|hole| hole.nanos() >= SHORTEST_HOLE_NS);
    let sound = IntervalSet::from(whole).difference(&holes.collect());
    let moment = |at: UnixNanos| at.as_millis().saturating_sub(start_ms);
    sound.iter().map(|part| moment(part.from)..moment(part.to)).collect()
}

#[cfg(test)]
mod tests {
    use domain::{
        manifest::GapCause,
        recording::{Coverage, Hole},
    };

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
    fn a_recording_holds_sound_from_its_first_to_its_last_sample_without_holes() {
        let start = 1_800_000_000_000_000_000;
        let hole = |from_ms: i64, to_ms: i64| Hole {
            from_ns: UnixNanos(start + from_ms * 1_000_000),
            to_ns: UnixNanos(start + to_ms * 1_000_000),
            cause: GapCause::Loss,
        };
        let recording = |coverage| Acceptance {
            accepted_at: meeting_start(),
            sha256: String::new(),
            size_bytes: 1,
            samples: SampleTime(480_000),
            duration_ms: 10_000,
            offset_ms: 2_500,
            fit: fit(start + 2_500_000_000, 0.0),
            coverage,
        };
        let coverage = Coverage {
            listened: Vec::new(),
            holes: vec![hole(1_000, 2_000), hole(4_000, 4_100), hole(5_000, 6_000)],
        };

        let torn = sound(&recording(Some(coverage)), meeting_start());
        let old = sound(&recording(None), meeting_start());

        assert_eq!(torn, [2_500..5_000, 6_000..12_500]);
        assert_eq!((old.len(), old[0].clone()), (1, 2_500..12_500));
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
