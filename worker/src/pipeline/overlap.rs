//! Joins the words of all recordings of one track.
//!
//! Two recorders may record the same track for a while, for instance if one was given up for lost and came back. At each
//! moment one recording is used. It is used for as long as it holds sound; then follows, of those that overlap it enough,
//! the one that lasts longest. Words are cut by their midpoints. Where both recordings hold sound, the cut is in a pause;
//! without one, a word that both have is recognized by its time and counts once.

use std::ops::Range;

use domain::transcript::Word;

/// Words are compared with those of the other recording up to this far from the cut.
const COMPARED_MS: i64 = 5_000;

/// With an overlap of this length, every word near the cut is whole in one of the two recordings. A longer one is no better.
const SAFE_OVERLAP_MS: i64 = 2_000;

/// The times of words are not exact; a shorter pause may be none.
const SHORTEST_PAUSE_MS: i64 = 100;

/// The words of one recording, in meeting time.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordedWords {
    /// The stretches that the recording holds, in order: from its first to its last sample, without holes.
    pub sound: Vec<Range<i64>>,
    /// Its words in order.
    pub words: Vec<Word>,
}

/// A stretch of one recording.
#[derive(Clone, Debug, PartialEq)]
struct Part<'a> {
    /// Which recording.
    recording: usize,
    sound: Range<i64>,
    words: &'a [Word],
}

/// Returns the words of a track, each once, in order.
pub fn join(recordings: &[RecordedWords]) -> Vec<Word> {
    let mut joined: Vec<Word> = Vec::new();
    let mut last: Option<Part<'_>> = None;
    let mut cut_ms = i64::MIN;
    for part in parts(recordings) {
        match &last {
            None => joined = part.words.to_vec(),
            Some(last) if last.recording == part.recording => {}
            Some(last) => {
                cut_ms = cut_between(last, &part).max(cut_ms);
                splice(&mut joined, part.words, cut_ms);
            }
        }
        last = Some(part);
    }
    joined.sort_by_key(|word| (word.start_ms, word.end_ms));
    joined
}

/// Returns the stretches to use, in order. Each begins where the one before it ends or, if both hold sound there, earlier.
fn parts(recordings: &[RecordedWords]) -> Vec<Part<'_>> {
    let all: Vec<Part<'_>> = (0..)
        .zip(recordings)
        .flat_map(|(recording, recorded)| {
            recorded
                .sound
                .iter()
                .filter(|sound| !sound.is_empty())
                .map(move |sound| Part {
                    recording,
                    sound: sound.clone(),
                    words: &recorded.words,
                })
        })
        .collect();
    let mut used: Vec<Part<'_>> = Vec::new();
    loop {
        let end = used.last().map_or(i64::MIN, |part| part.sound.end);
        let begin = |part: &&Part<'_>| part.sound.start.max(end);
        let rest = || all.iter().filter(|part| part.sound.end > end);
        let Some(next) = rest().map(|part| begin(&part)).min() else {
            return used;
        };
        let starting = rest().filter(|part| begin(part) == next);
        let rank = |part: &&Part<'_>| {
            let shared_ms = end.saturating_sub(part.sound.start).clamp(0, SAFE_OVERLAP_MS);
            (shared_ms, part.sound.end)
        };
        used.extend(starting.max_by_key(rank).cloned());
    }
}

/// Returns the moment from which the words of `after` are used: in the widest pause of what both hold.
fn cut_between(before: &Part<'_>, after: &Part<'_>) -> i64 {
    let (from, to) = (before.sound.start.max(after.sound.start), before.sound.end);
    if from >= to {
        return to.midpoint(from);
    }
    let mut said: Vec<(i64, i64)> = [before.words, after.words]
        .iter()
        .flat_map(|words| words.iter().filter(|word| is_within(word, from, to)))
        .map(|word| (word.start_ms, word.end_ms))
        .chain([(to, to)])
        .collect();
    said.sort_unstable();
    let mut widest = from..from;
    let mut silent_since = from;
    for (start, end) in said {
        if start.saturating_sub(silent_since) > widest.end.saturating_sub(widest.start) {
            widest = silent_since..start.min(to);
        }
        silent_since = silent_since.max(end);
    }
    if widest.end.saturating_sub(widest.start) < SHORTEST_PAUSE_MS {
        return from.midpoint(to);
    }
    widest.start.midpoint(widest.end)
}

/// Replaces the words behind the cut by those of the next recording. A word that both have is placed once, between the two
/// times that they give it.
fn splice(joined: &mut Vec<Word>, next: &[Word], cut_ms: i64) {
    let mut is_before: Vec<bool> = joined.iter().map(|word| middle(word) < cut_ms).collect();
    let mut is_after: Vec<bool> = next.iter().map(|word| middle(word) >= cut_ms).collect();
    for (ours, theirs) in twins(joined, next, cut_ms) {
        is_before[ours] = middle(&joined[ours]).midpoint(middle(&next[theirs])) < cut_ms;
        is_after[theirs] = !is_before[ours];
    }
    let mut keep = is_before.into_iter();
    joined.retain(|_| keep.next() == Some(true));
    let kept = next.iter().zip(is_after).filter(|(_, is_after)| *is_after);
    joined.extend(kept.map(|(word, _)| word.clone()));
}

/// Returns the words near the cut that both have, as pairs of positions. One microphone says one word at a time, so two
/// words at the same time are the same one, whatever was understood.
fn twins(a: &[Word], b: &[Word], cut_ms: i64) -> Vec<(usize, usize)> {
    let (from, to) = (cut_ms.saturating_sub(COMPARED_MS), cut_ms.saturating_add(COMPARED_MS));
    let positions =
        |words: &[Word]| -> Vec<usize> { (0..words.len()).filter(|i| is_within(&words[*i], from, to)).collect() };
    let (ours, theirs) = (positions(a), positions(b));
    let best = |word: &Word, others: &[usize], words: &[Word]| {
        let best = others.iter().copied().max_by_key(|i| shared_ms(word, &words[*i]))?;
        is_same(word, &words[best]).then_some(best)
    };
    let pairs = ours.iter().map(|i| (*i, best(&a[*i], &theirs, b)));
    pairs
        .filter_map(|(i, j)| Some((i, j?)))
        .filter(|(i, j)| best(&b[*j], &ours, a) == Some(*i))
        .collect()
}

/// Whether two words overlap by more than half of the shorter one.
fn is_same(a: &Word, b: &Word) -> bool {
    let length_ms = |word: &Word| word.end_ms.saturating_sub(word.start_ms);
    let shared_ms = shared_ms(a, b);
    shared_ms > 0 && shared_ms >= length_ms(a).min(length_ms(b)).saturating_sub(shared_ms)
}

fn shared_ms(a: &Word, b: &Word) -> i64 {
    a.end_ms.min(b.end_ms).saturating_sub(a.start_ms.max(b.start_ms))
}

fn middle(word: &Word) -> i64 {
    word.start_ms.midpoint(word.end_ms)
}

fn is_within(word: &Word, from: i64, to: i64) -> bool {
    word.end_ms > from && word.start_ms < to
}

#[cfg(test)]
mod tests;
