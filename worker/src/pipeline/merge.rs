//! Merges the words of all tracks into turns, each of one speaker.
//!
//! A speaker has the floor, the right to speak, with every word that is not part of a back-channel.

use std::collections::BTreeMap;

use domain::{
    Identity,
    transcript::{Segment, Word},
};

/// Longest pause within a turn.
const TURN_GAP_MS: i64 = 1_000;

/// Shortest pause in which another speaker can start a turn. Pauses within a sentence are shorter.
const FLOOR_GAP_MS: i64 = 300;

/// Most words of a back-channel such as "yes" or "I see", which does not take the floor.
const BACK_CHANNEL_WORDS: usize = 2;
/// A back-channel is shorter than this.
const BACK_CHANNEL_MS: i64 = 1_000;

/// The words of one track in meeting time, in order.
#[derive(Clone, Debug, PartialEq)]
pub struct TrackTranscript {
    pub speaker: Identity,
    pub words: Vec<Word>,
}

/// Returns all turns in order of their start. Turns of people who speak at the same time overlap and stay whole.
pub fn merge(tracks: &[TrackTranscript]) -> Vec<Segment> {
    let speakers = by_speaker(tracks);
    let mut turns = Vec::new();
    for (speaker, words) in &speakers {
        let others = speakers.iter().filter(|(other, _)| *other != speaker);
        let mut taken: Vec<i64> = others.flat_map(|(_, words)| floor_times(words)).collect();
        taken.sort_unstable();
        turns.extend(turns_of(words, &taken).map(|words| segment(speaker, words)));
    }
    turns.sort_by(|a, b| (a.start_ms, a.end_ms, &a.speaker).cmp(&(b.start_ms, b.end_ms, &b.speaker)));
    turns
}

/// Collects the words of each speaker, who may have had several tracks, in order.
fn by_speaker(tracks: &[TrackTranscript]) -> BTreeMap<&Identity, Vec<Word>> {
    let mut speakers: BTreeMap<&Identity, Vec<Word>> = BTreeMap::new();
    for track in tracks {
        speakers
            .entry(&track.speaker)
            .or_default()
            .extend_from_slice(&track.words);
    }
    for words in speakers.values_mut() {
        words.sort_by_key(|w| (w.start_ms, w.end_ms));
    }
    speakers
}

/// Returns the midpoints of all words outside back-channels, the times at which their speaker has the floor.
fn floor_times(words: &[Word]) -> impl Iterator<Item = i64> {
    let said = words
        .chunk_by(|a, b| b.start_ms - a.end_ms <= TURN_GAP_MS)
        .filter(|words| !is_back_channel(words));
    said.flatten().map(|w| w.start_ms.midpoint(w.end_ms))
}

fn is_back_channel(words: &[Word]) -> bool {
    words.len() <= BACK_CHANNEL_WORDS && end(words) - words[0].start_ms < BACK_CHANNEL_MS
}

/// Splits a speaker's words into turns, at long pauses and at pauses in which another speaker takes the floor. `taken`
/// must be sorted.
fn turns_of<'a>(words: &'a [Word], taken: &[i64]) -> impl Iterator<Item = &'a [Word]> {
    let is_taken = |from_ms, to_ms| {
        let first = taken.partition_point(|moment| *moment < from_ms);
        taken.get(first).is_some_and(|moment| *moment < to_ms)
    };
    words.chunk_by(move |a, b| {
        let gap = b.start_ms - a.end_ms;
        gap <= TURN_GAP_MS && !(gap >= FLOOR_GAP_MS && is_taken(a.end_ms, b.start_ms))
    })
}

fn segment(speaker: &Identity, words: &[Word]) -> Segment {
    let text: Vec<&str> = words.iter().map(|w| w.text.as_str()).collect();
    Segment {
        speaker: speaker.clone(),
        start_ms: words[0].start_ms,
        end_ms: end(words),
        text: capitalized(&text.join(" ")),
        words: words.to_vec(),
    }
}

fn end(words: &[Word]) -> i64 {
    words.iter().map(|w| w.end_ms).max().unwrap_or_default()
}

/// Capitalizes the first letter, for engines without punctuation or case.
fn capitalized(text: &str) -> String {
    let mut rest = text.chars();
    match rest.next() {
        Some(first) => first.to_uppercase().chain(rest).collect(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    struct Track(TrackTranscript, i64);

    fn track(speaker: &str) -> Track {
        Track(
            TrackTranscript {
                speaker: speaker.into(),
                words: Vec::new(),
            },
            0,
        )
    }

    impl Track {
        fn published_at(mut self, seconds: f64) -> Self {
            self.1 = (seconds * 1000.0) as i64;
            self
        }

        /// Adds one word every 250 ms, each 200 ms long.
        fn said(mut self, seconds: f64, text: &str) -> Self {
            let begin = self.1 + (seconds * 1000.0) as i64;
            for (i, text) in (0..).zip(text.split(' ')) {
                let start_ms = begin + i * 250;
                let word = Word {
                    text: text.to_owned(),
                    start_ms,
                    end_ms: start_ms + 200,
                    confidence: None,
                };
                self.0.words.push(word);
            }
            self
        }

        fn build(self) -> TrackTranscript {
            self.0
        }
    }

    fn outline(segments: &[Segment]) -> String {
        let line = |s: &Segment| {
            format!(
                "{}-{}s {}: {}",
                s.start_ms as f64 / 1e3,
                s.end_ms as f64 / 1e3,
                s.speaker,
                s.text
            )
        };
        segments.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_track_published_late_is_shifted_to_meeting_time() {
        let alice = track("alice").said(0.0, "hello").said(9.0, "bye");
        let bob = track("bob").published_at(5.0).said(0.0, "hi");

        let merged = merge(&[bob.build(), alice.build()]);

        assert_snapshot!(outline(&merged), @r"
        0-0.2s alice: Hello
        5-5.2s bob: Hi
        9-9.2s alice: Bye
        ");
    }

    #[test]
    fn a_back_channel_does_not_split_the_turn_around_it() {
        let alice = track("alice").said(0.0, "we should").said(1.2, "go on tomorrow");
        let bob = track("bob").said(0.6, "i see");

        let merged = merge(&[alice.build(), bob.build()]);

        assert_snapshot!(outline(&merged), @r"
        0-1.9s alice: We should go on tomorrow
        0.6-1.05s bob: I see
        ");
    }

    #[test]
    fn speaking_in_anothers_pause_ends_their_turn() {
        let alice = track("alice").said(0.0, "can you hear me").said(1.9, "good then");
        let bob = track("bob").said(1.0, "yes i can");

        let merged = merge(&[alice.build(), bob.build()]);

        assert_snapshot!(outline(&merged), @r"
        0-0.95s alice: Can you hear me
        1-1.7s bob: Yes i can
        1.9-2.35s alice: Good then
        ");
    }

    #[test]
    fn simultaneous_speakers_keep_their_words_and_times() {
        let alice = track("alice").said(0.0, "one two three four five six seven eight");
        let bob = track("bob").said(0.6, "but i think that we are too late for this");

        let merged = merge(&[alice.build(), bob.build()]);

        assert_snapshot!(outline(&merged), @r"
        0-1.95s alice: One two three four five six seven eight
        0.6-3.05s bob: But i think that we are too late for this
        ");
    }

    #[test]
    fn a_long_pause_ends_a_turn_and_a_short_one_does_not() {
        let alice = track("alice")
            .said(0.0, "first")
            .said(1.2, "still first")
            .said(2.7, "second");

        let merged = merge(&[alice.build()]);

        assert_snapshot!(outline(&merged), @r"
        0-1.65s alice: First still first
        2.7-2.9s alice: Second
        ");
    }

    #[test]
    fn two_tracks_of_one_speaker_are_merged_into_one() {
        let before = track("alice").said(0.0, "my microphone");
        let after = track("alice").published_at(0.8).said(0.0, "came back");

        let merged = merge(&[after.build(), before.build()]);

        assert_snapshot!(outline(&merged), @"0-1.25s alice: My microphone came back");
    }

    #[test]
    fn no_words_give_no_turns() {
        assert_eq!(merge(&[track("alice").build()]), []);
        assert_eq!(merge(&[]), []);
    }
}
