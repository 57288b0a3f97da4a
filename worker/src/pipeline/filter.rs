//! Drops recognized words that were probably not said, and repairs the times of the rest.
//!
//! Speech recognizers invent text where there is little speech. Dropped words are counted by reason.

use std::collections::BTreeMap;

use super::Span;
use crate::engine::{ChunkTranscript, RecognizedWord};

/// Fastest plausible speech, in characters per second of the chunk's speech.
const MAX_CHARS_PER_SECOND: u64 = 25;

/// A phrase repeated this often in a row is a loop of the engine, not of the speaker.
const LOOP_REPEATS: usize = 4;

/// Longest phrase that is checked for loops, in words.
const LOOP_WORDS: usize = 8;

/// How far a word may extend beyond the speech around it, in milliseconds.
const REACH_MS: u64 = 300;

/// Mean log probability below which the engine doubts its own words.
const LOW_LOGPROB: f32 = -1.0;
/// Probability of silence above which the engine assumes that nobody spoke. Either measure alone is unreliable.
const LIKELY_SILENCE: f32 = 0.6;

/// Why words were dropped, as named in logs and metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// The engine doubts the words and assumes silence.
    Doubtful,
    /// The same phrase over and over; the first one is kept.
    Loop,
    /// More text than anyone can say in the time.
    TooFast,
    /// Outside detected speech.
    OutsideSpeech,
    /// No text.
    Blank,
}

impl Reason {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Doubtful => "doubtful",
            Self::Loop => "loop",
            Self::TooFast => "too_fast",
            Self::OutsideSpeech => "outside_speech",
            Self::Blank => "blank",
        }
    }
}

/// The remaining words of a chunk, in recording time, and the number of dropped words by reason.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filtered {
    pub words: Vec<RecognizedWord>,
    pub dropped: BTreeMap<Reason, usize>,
}

/// Turns an engine's words of `chunk` into words in recording time. `speech` is all speech of the track.
pub fn filter(transcript: ChunkTranscript, chunk: Span, speech: &[Span]) -> Filtered {
    let mut filtered = Filtered {
        words: transcript.words,
        dropped: BTreeMap::new(),
    };
    filtered.retain(Reason::Blank, |w| !w.text.trim().is_empty());
    if transcript.avg_logprob.is_some_and(|p| p < LOW_LOGPROB)
        && transcript.no_speech.is_some_and(|p| p > LIKELY_SILENCE)
    {
        filtered.retain(Reason::Doubtful, |_| false);
    }
    filtered.drop_loops();
    let within: Vec<Span> = speech.iter().filter_map(|s| overlap(*s, chunk)).collect();
    if is_too_fast(&filtered.words, &within) {
        filtered.retain(Reason::TooFast, |_| false);
    }
    filtered.fix_times(chunk, &within);
    filtered
}

impl Filtered {
    fn retain(&mut self, reason: Reason, keep: impl FnMut(&RecognizedWord) -> bool) {
        let before = self.words.len();
        self.words.retain(keep);
        self.count(reason, before - self.words.len());
    }

    fn count(&mut self, reason: Reason, words: usize) {
        if words > 0 {
            *self.dropped.entry(reason).or_default() += words;
        }
    }

    /// Keeps the first of each phrase that is repeated in a loop.
    fn drop_loops(&mut self) {
        let before = self.words.len();
        let text: Vec<String> = self.words.iter().map(|w| w.text.trim().to_lowercase()).collect();
        let mut keep = vec![true; text.len()];
        let mut at = 0;
        while at < text.len() {
            match loop_at(&text[at..]) {
                Some((phrase, all)) => {
                    keep[at + phrase..at + all].fill(false);
                    at += all;
                }
                None => at += 1,
            }
        }
        let mut keep = keep.into_iter();
        self.words.retain(|_| keep.next().unwrap_or(true));
        self.count(Reason::Loop, before - self.words.len());
    }

    /// Converts words to recording time, clamps them to the nearby speech, and puts their starts in order.
    fn fix_times(&mut self, chunk: Span, within: &[Span]) {
        let (chunk_start, chunk_end) = (chunk.start.as_millis(), chunk.end.as_millis());
        let allowed: Vec<(u64, u64)> = within
            .iter()
            .map(|s| {
                (
                    s.start.as_millis().saturating_sub(REACH_MS),
                    s.end.as_millis() + REACH_MS,
                )
            })
            .collect();
        let mut earliest = chunk_start;
        let mut fixed = Vec::with_capacity(self.words.len());
        for mut word in std::mem::take(&mut self.words) {
            let start = word.start_ms.saturating_add(chunk_start);
            let end = word.end_ms.saturating_add(chunk_start).max(start);
            let Some(&(from, to)) = allowed.iter().find(|(from, to)| start < *to && *from <= end) else {
                self.count(Reason::OutsideSpeech, 1);
                continue;
            };
            word.start_ms = start.clamp(from, to).max(earliest).min(chunk_end);
            word.end_ms = end.clamp(from, to).min(chunk_end).max(word.start_ms);
            earliest = word.start_ms;
            fixed.push(word);
        }
        self.words = fixed;
    }
}

/// Finds the shortest phrase with which `text` begins at least [`LOOP_REPEATS`] times. Returns the length of the phrase
/// and of all repeats, in words.
fn loop_at(text: &[String]) -> Option<(usize, usize)> {
    (1..=LOOP_WORDS.min(text.len() / LOOP_REPEATS)).find_map(|phrase| {
        let repeats = text.chunks_exact(phrase).take_while(|c| *c == &text[..phrase]).count();
        (repeats >= LOOP_REPEATS).then_some((phrase, repeats * phrase))
    })
}

fn is_too_fast(words: &[RecognizedWord], within: &[Span]) -> bool {
    let chars: u64 = words.iter().map(|w| w.text.trim().chars().count() as u64 + 1).sum();
    let speech_ms: u64 = within.iter().map(|s| s.len().as_millis()).sum();
    chars * 1000 > MAX_CHARS_PER_SECOND * speech_ms
}

fn overlap(a: Span, b: Span) -> Option<Span> {
    let both = Span {
        start: a.start.max(b.start),
        end: a.end.min(b.end),
    };
    (!both.is_empty()).then_some(both)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(words: &[(&str, u64, u64)]) -> ChunkTranscript {
        let word = |(text, start_ms, end_ms): &(&str, u64, u64)| RecognizedWord::new(*text, *start_ms, *end_ms);
        ChunkTranscript {
            words: words.iter().map(word).collect(),
            ..ChunkTranscript::default()
        }
    }

    /// Returns one word every 300 ms.
    fn sentence(text: &str) -> ChunkTranscript {
        let words: Vec<_> = text
            .split(' ')
            .zip(0..)
            .map(|(w, i)| (w, i * 300, i * 300 + 200))
            .collect();
        said(&words)
    }

    fn texts(filtered: &Filtered) -> String {
        filtered
            .words
            .iter()
            .map(|w| w.text.as_str())
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn words_are_converted_to_recording_time() {
        let filtered = filter(
            said(&[("good", 0, 400), ("morning", 410, 900)]),
            Span::from_millis(5000, 6000),
            &[Span::from_millis(5000, 6000)],
        );

        let times: Vec<_> = filtered.words.iter().map(|w| (w.start_ms, w.end_ms)).collect();
        assert_eq!(times, [(5000, 5400), (5410, 5900)]);
        assert!(filtered.dropped.is_empty());
    }

    #[test]
    fn times_are_ordered_and_clamped_to_speech() {
        let words = [
            ("one", 900, 1100),
            ("two", 700, 500),
            ("three", 1500, 9000),
            ("four", 0, u64::MAX),
        ];

        let filtered = filter(
            said(&words),
            Span::from_millis(0, 4000),
            &[Span::from_millis(1000, 4000)],
        );

        let times: Vec<_> = filtered.words.iter().map(|w| (w.start_ms, w.end_ms)).collect();
        assert_eq!(times, [(900, 1100), (900, 900), (1500, 4000), (1500, 4000)]);
    }

    #[test]
    fn words_outside_speech_are_dropped() {
        let words = said(&[("yes", 100, 300), ("thanks", 2000, 2400), ("no", 3700, 3900)]);

        let filtered = filter(
            words,
            Span::from_millis(0, 4000),
            &[Span::from_millis(0, 1000), Span::from_millis(3500, 4000)],
        );

        assert_eq!(texts(&filtered), "yes no");
        assert_eq!(filtered.dropped, BTreeMap::from([(Reason::OutsideSpeech, 1)]));
    }

    #[test]
    fn a_loop_is_kept_once_and_speakers_may_repeat_themselves() {
        let looped = sentence("well i see i see i see i see i see then");
        let human = sentence("no no no that is very very good");

        let looped = filter(looped, Span::from_millis(0, 20_000), &[Span::from_millis(0, 20_000)]);
        let human = filter(human, Span::from_millis(0, 20_000), &[Span::from_millis(0, 20_000)]);

        assert_eq!(texts(&looped), "well i see then");
        assert_eq!(looped.dropped, BTreeMap::from([(Reason::Loop, 8)]));
        assert_eq!(texts(&human), "no no no that is very very good");
    }

    #[test]
    fn a_chunk_with_too_much_text_is_dropped_whole() {
        let words = sentence("thank you very much for watching this video");

        let filtered = filter(words, Span::from_millis(0, 1000), &[Span::from_millis(100, 500)]);

        assert_eq!(filtered.words, []);
        assert_eq!(filtered.dropped, BTreeMap::from([(Reason::TooFast, 8)]));
    }

    #[test]
    fn doubt_and_silence_drop_a_chunk_only_together() {
        let weigh = |avg_logprob, no_speech| {
            let transcript = ChunkTranscript {
                avg_logprob,
                no_speech,
                ..sentence("so it was said")
            };
            texts(&filter(
                transcript,
                Span::from_millis(0, 5000),
                &[Span::from_millis(0, 5000)],
            ))
        };

        assert_eq!(weigh(Some(-1.5), Some(0.9)), "");
        for (logprob, silence) in [
            (Some(-1.5), Some(0.1)),
            (Some(-0.2), Some(0.9)),
            (None, Some(1.0)),
            (None, None),
        ] {
            assert_eq!(weigh(logprob, silence), "so it was said");
        }
    }

    #[test]
    fn blank_words_and_chunks_without_speech_give_no_words() {
        let filtered = filter(
            said(&[(" ", 0, 1), ("", 2, 3), ("hm", 0, 500)]),
            Span::from_millis(0, 1000),
            &[],
        );

        assert_eq!(filtered.words, []);
        assert_eq!(
            filtered.dropped,
            BTreeMap::from([(Reason::TooFast, 1), (Reason::Blank, 2)])
        );
    }
}
