//! Two recorders hear the same speech.

#![expect(clippy::single_range_in_vec_init, reason = "many recordings hold one stretch")]

use proptest::prelude::*;

use super::*;

fn word(text: impl ToString, start_ms: i64, end_ms: i64) -> Word {
    Word {
        text: text.to_string(),
        start_ms,
        end_ms,
        confidence: None,
    }
}

/// A recording that holds `sound` and the words of `speech` that lie in it.
fn recording(speech: &[Word], sound: &[Range<i64>]) -> RecordedWords {
    let is_heard = |word: &&Word| {
        sound
            .iter()
            .any(|part| part.start <= word.start_ms && word.end_ms <= part.end)
    };
    RecordedWords {
        words: speech.iter().filter(is_heard).cloned().collect(),
        sound: sound.to_vec(),
    }
}

/// One word per second, 400 ms long, at 0 s, 1 s, 2 s, …
fn counting(seconds: i64) -> Vec<Word> {
    (0..seconds).map(|n| word(n, n * 1000, n * 1000 + 400)).collect()
}

fn texts(words: &[Word]) -> String {
    words
        .iter()
        .map(|word| word.text.as_str())
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn one_recording_keeps_all_its_words() {
    let words = counting(3);
    let outside = RecordedWords {
        sound: vec![500..1_500],
        words: words.clone(),
    };

    assert_eq!(join(&[outside]), words);
    assert_eq!(join(&[]), []);
}

#[test]
fn recordings_that_do_not_overlap_are_joined() {
    let speech = counting(10);
    let (a, b) = (recording(&speech, &[0..4_500]), recording(&speech, &[6_000..10_000]));

    assert_eq!(texts(&join(&[b, a])), "0 1 2 3 4 6 7 8 9");
}

#[test]
fn words_of_an_overlap_appear_once() {
    let speech = counting(10);
    let (a, b) = (recording(&speech, &[0..6_000]), recording(&speech, &[2_500..10_000]));

    assert_eq!(join(&[a.clone(), b.clone()]), speech);
    assert_eq!(join(&[b, a]), speech);
}

#[test]
fn a_recording_within_another_one_adds_nothing_and_fills_a_hole() {
    let speech = counting(10);
    let inner = recording(&speech, &[2_500..8_000]);
    let whole = recording(&speech, &[0..10_000]);
    let torn = recording(&speech, &[0..4_500, 5_900..10_000]);

    assert_eq!(join(&[whole, inner.clone()]), speech);
    assert_eq!(join(&[torn, inner]), speech);
}

#[test]
fn a_word_that_the_end_of_a_recording_cuts_is_taken_from_the_other() {
    let a = RecordedWords {
        sound: vec![0..5_200],
        words: vec![word("good", 3_000, 3_400), word("mor", 5_000, 5_200)],
    };
    let b = RecordedWords {
        sound: vec![3_100..9_000],
        words: vec![word("ood", 3_100, 3_400), word("morning", 5_000, 5_500)],
    };

    assert_eq!(texts(&join(&[a, b])), "good morning");
}

#[test]
fn a_word_without_a_pause_around_it_is_neither_doubled_nor_lost() {
    let at = |shift: i64| -> Vec<Word> {
        let words = (0..20).map(|n| word(n, n * 300 + shift, n * 300 + 300 + shift));
        words.collect()
    };
    for (first, second) in [(0, 40), (0, -40), (70, -70), (-70, 70)] {
        let a = recording(&at(first), &[-100..4_000]);
        let b = recording(&at(second), &[1_500..7_000]);

        assert_eq!(texts(&join(&[a, b])), texts(&at(0)), "{first} {second}");
    }
}

#[test]
fn three_recordings_take_turns() {
    let speech = counting(30);
    let a = recording(&speech, &[0..10_500, 20_500..30_000]);
    let b = recording(&speech, &[8_500..18_500]);
    let c = recording(&speech, &[15_500..25_500]);

    assert_eq!(join(&[c, a, b]), speech);
}

#[test]
fn extreme_times_do_not_panic() {
    let (late, early) = (5, 1);
    let hostile = || RecordedWords {
        sound: vec![i64::MIN..0, late..early, 1..i64::MAX],
        words: vec![word("a", i64::MIN, i64::MAX), word("b", i64::MAX, i64::MIN)],
    };
    let other = RecordedWords {
        sound: vec![-5..i64::MAX],
        words: vec![word("c", 0, 0)],
    };

    join(&[hostile(), other, hostile()]);
}

/// Longest word; every sound lasts longer than twice this, and so does every overlap.
const LONGEST_MS: i64 = 600;
const SHORTEST_MS: i64 = 150;
/// How far the times that two engines give for one word differ from the truth.
const JITTER_MS: i64 = 30;

/// Words with pauses or none between them.
fn speech() -> impl Strategy<Value = Vec<Word>> {
    let pauses = prop_oneof![Just(0i64), 0..2_000i64];
    prop::collection::vec((pauses, SHORTEST_MS..LONGEST_MS), 1..120).prop_map(|lengths| {
        let mut now = 0;
        let place = |(n, (pause, length)): (usize, (i64, i64))| {
            let start = now + pause;
            now = start + length;
            word(n, start, now)
        };
        lengths.into_iter().enumerate().map(place).collect()
    })
}

/// The same words as another engine places them. Words of one speaker do not overlap.
fn jittered(words: &[Word], jitter: &[(i64, i64)]) -> Vec<Word> {
    let mut end = i64::MIN;
    let shifted = words.iter().zip(jitter.iter().cycle()).map(|(word, (start, stop))| {
        let start_ms = (word.start_ms + start).max(end);
        end = (word.end_ms + stop).max(start_ms + 1);
        Word {
            start_ms,
            end_ms: end,
            ..word.clone()
        }
    });
    shifted.collect()
}

fn jitter() -> impl Strategy<Value = Vec<(i64, i64)>> {
    prop::collection::vec((-JITTER_MS..=JITTER_MS, -JITTER_MS..=JITTER_MS), 1..50)
}

/// Holes that do not touch each other, nor those of the other recording: everything is heard by someone.
fn holes(cuts: &[i64], length: i64) -> [Vec<Range<i64>>; 2] {
    const LEAST_MS: i64 = 3 * LONGEST_MS;
    let mut sounds = [vec![0..length], vec![0..length]];
    let mut end = 0;
    for (n, cut) in cuts.iter().enumerate() {
        let hole = end + LEAST_MS..end + LEAST_MS + cut;
        end = hole.end;
        if end + LEAST_MS > length {
            break;
        }
        let torn = &mut sounds[n % 2];
        let last = torn.last_mut().unwrap();
        let rest = hole.end..last.end;
        last.end = hole.start;
        torn.push(rest);
    }
    sounds
}

proptest! {
    #[test]
    fn overlapping_recordings_of_the_same_speech_give_each_word_once(
        speech in speech(), first in jitter(), second in jitter(), cuts in prop::collection::vec(1..8_000i64, 0..6), swapped in any::<bool>(),
    ) {
        let length = speech.last().unwrap().end_ms + 100;
        let [a, b] = holes(&cuts, length);
        // which words a recording holds depends on the sound, not on the engine
        let of = |sound: &[Range<i64>], times: &[(i64, i64)]| RecordedWords {
            words: jittered(&recording(&speech, sound).words, times),
            sound: sound.to_vec(),
        };
        let mut both = [of(&a, &first), of(&b, &second)];
        if swapped {
            both.reverse();
        }

        let joined = join(&both);

        prop_assert_eq!(texts(&joined), texts(&speech));
    }

    #[test]
    fn any_recordings_with_the_same_times_give_each_word_once(
        speech in speech(), cuts in prop::collection::vec((0..40_000i64, 0..40_000i64), 1..6),
    ) {
        let recordings: Vec<_> = cuts.iter().map(|(from, length)| recording(&speech, &[*from..from + length])).collect();

        let joined = join(&recordings);

        let is_in_the_middle_of = |word: &Word| cuts.iter().any(|(from, length)| {
            from + LONGEST_MS <= word.start_ms && word.end_ms <= from + length - LONGEST_MS
        });
        for word in &speech {
            let times = joined.iter().filter(|j| j.text == word.text).count();
            prop_assert!(times <= 1, "{} is there {times} times", word.text);
            prop_assert!(times == 1 || !is_in_the_middle_of(word), "{word:?} is lost");
        }
    }
}
