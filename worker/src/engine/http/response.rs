//! Parses the responses to transcription requests. Servers differ: every field may be missing, null, or a number written
//! as text.

use serde_json::Value;

use crate::engine::{ChunkTranscript, RecognizedWord};

/// Words per chunk that are read at most. Nobody says more in half a minute.
const MAX_WORDS: usize = 4_000;

/// Returns the words of a response; `None` if it is not a transcription. `chunk_ms` is the length of the audio that was
/// sent.
///
/// Words are taken from the top level (OpenAI, speaches) or from the segments (whisper.cpp). Without words, the text of
/// the segments, or of the whole response, is interpolated over its time by length.
pub fn parse(response: &Value, chunk_ms: u64) -> Option<ChunkTranscript> {
    let segments: Vec<&Value> = list(response, "segments").collect();
    let text = response.get("text").and_then(Value::as_str);
    if text.is_none() && segments.is_empty() && response.get("words").is_none_or(|w| !w.is_array()) {
        return None;
    }
    let limit = |list: Vec<RecognizedWord>| list.into_iter().take(MAX_WORDS).collect();
    Some(ChunkTranscript {
        words: limit(words(response, &segments, text.unwrap_or_default(), chunk_ms)),
        avg_logprob: mean(&segments, "avg_logprob"),
        no_speech: mean(&segments, "no_speech_prob"),
    })
}

fn words(response: &Value, segments: &[&Value], text: &str, chunk_ms: u64) -> Vec<RecognizedWord> {
    let top = timed_words(list(response, "words"), chunk_ms);
    if !top.is_empty() {
        return top;
    }
    let of_segments = segments
        .iter()
        .flat_map(|segment| segment_words(segment, chunk_ms))
        .collect::<Vec<_>>();
    if !of_segments.is_empty() {
        return of_segments;
    }
    interpolate(text, 0, chunk_ms)
}

fn segment_words(segment: &Value, chunk_ms: u64) -> Vec<RecognizedWord> {
    let words = timed_words(list(segment, "words"), chunk_ms);
    if !words.is_empty() {
        return words;
    }
    let text = segment.get("text").and_then(Value::as_str).unwrap_or_default();
    let start = time(segment, "start", chunk_ms).unwrap_or(0);
    let end = time(segment, "end", chunk_ms).unwrap_or(chunk_ms);
    interpolate(text, start, end.max(start))
}

/// Returns the entries with times as words. If some entries begin with a space, those that do not continue the word
/// before.
fn timed_words<'a>(entries: impl Iterator<Item = &'a Value>, chunk_ms: u64) -> Vec<RecognizedWord> {
    let entries: Vec<(&str, &Value)> = entries.filter_map(|e| Some((entry_text(e)?, e))).collect();
    let are_tokens = entries.iter().any(|(text, _)| text.starts_with(' '));
    let mut words: Vec<RecognizedWord> = Vec::new();
    for (text, entry) in entries {
        let Some(word) = timed_word(text, entry, chunk_ms) else {
            continue;
        };
        match words.last_mut() {
            Some(last) if are_tokens && !text.starts_with(' ') => append(last, word),
            _ => words.push(word),
        }
    }
    words.retain(|w| !w.text.is_empty());
    words
}

/// Returns the text of an entry; `None` for markers such as `[_BEG_]` and `<|0.00|>`.
fn entry_text(entry: &Value) -> Option<&str> {
    let text = entry.get("word").or_else(|| entry.get("text"))?.as_str()?;
    let is_marker = text.starts_with("[_") || text.starts_with("<|");
    (!is_marker).then_some(text)
}

fn timed_word(text: &str, entry: &Value, chunk_ms: u64) -> Option<RecognizedWord> {
    let start = time(entry, "start", chunk_ms)?;
    let end = time(entry, "end", chunk_ms).unwrap_or(start).max(start);
    let confidence = number(entry, "probability").map(|p| p.clamp(0.0, 1.0) as f32);
    Some(RecognizedWord {
        confidence,
        ..RecognizedWord::new(text.trim(), start, end)
    })
}

/// Appends the next part of a word. The confidence of a word is that of its least certain part.
fn append(word: &mut RecognizedWord, rest: RecognizedWord) {
    word.text.push_str(&rest.text);
    word.end_ms = word.end_ms.max(rest.end_ms);
    word.confidence = match (word.confidence, rest.confidence) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    };
}

/// Divides the time among the words of a text, by their length.
fn interpolate(text: &str, start_ms: u64, end_ms: u64) -> Vec<RecognizedWord> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let length = |word: &str| word.chars().count() as u64 + 1;
    let all: u64 = words.iter().map(|w| length(w)).sum();
    let mut before = 0;
    let at = |chars: u64| start_ms + (end_ms - start_ms) * chars / all.max(1);
    let mut timed = |word: &&str| {
        let start = at(before);
        before += length(word);
        RecognizedWord {
            interpolated: true,
            ..RecognizedWord::new(*word, start, at(before))
        }
    };
    words.iter().map(&mut timed).collect()
}

fn list<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    value.get(name).and_then(Value::as_array).into_iter().flatten()
}

/// Returns a number, or a number in a string; `None` if it is not finite.
fn number(value: &Value, name: &str) -> Option<f64> {
    let number = match value.get(name)? {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    number.filter(|n| n.is_finite())
}

/// Returns seconds in a response as milliseconds within the chunk.
fn time(value: &Value, name: &str, chunk_ms: u64) -> Option<u64> {
    number(value, name).map(|seconds| ((seconds * 1000.0).round() as u64).min(chunk_ms))
}

fn mean(segments: &[&Value], name: &str) -> Option<f32> {
    let all: Vec<f64> = segments.iter().filter_map(|s| number(s, name)).collect();
    (!all.is_empty()).then(|| (all.iter().sum::<f64>() / all.len() as f64) as f32)
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use serde_json::json;

    use super::*;

    fn outline(response: Value) -> String {
        let transcript = parse(&response, 4_000).unwrap();
        let line = |w: &RecognizedWord| {
            let sure = w.confidence.map_or(String::new(), |c| format!(" {c:.2}"));
            format!(
                "{}-{} {}{sure}{}",
                w.start_ms,
                w.end_ms,
                w.text,
                if w.interpolated { " ~" } else { "" }
            )
        };
        transcript.words.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn openai_returns_words_at_the_top_level_without_probability() {
        let response = json!({
            "task": "transcribe", "language": "english", "duration": 3.5, "text": "Good morning, all.",
            "words": [
                {"word": "Good", "start": 0.0, "end": 0.41}, {"word": "morning", "start": 0.41, "end": 1.0},
                {"word": "all", "start": 1.2, "end": 1.5}],
            "segments": [{"id": 0, "start": 0.0, "end": 3.5, "text": " Good morning, all.", "avg_logprob": -0.25,
                "no_speech_prob": 0.01}]
        });

        assert_eq!(parse(&response, 4_000).unwrap().avg_logprob, Some(-0.25));
        assert_snapshot!(outline(response), @r"
        0-410 Good
        410-1000 morning
        1200-1500 all
        ");
    }

    #[test]
    fn speaches_returns_words_with_a_space_and_probability_or_null() {
        let with = json!({"text": "It is.", "words": [
            {"word": " It", "start": 0.1, "end": 0.3, "probability": 0.91},
            {"word": " is.", "start": 0.3, "end": 0.6, "probability": 0.8}]});
        let without = json!({"text": "It is.", "words": null,
            "segments": [{"start": 1.0, "end": 2.0, "text": " It is.", "words": null}]});

        assert_snapshot!(outline(with), @r"
        100-300 It 0.91
        300-600 is. 0.80
        ");
        assert_snapshot!(outline(without), @r"
        1000-1428 It ~
        1428-2000 is. ~
        ");
    }

    #[test]
    fn whisper_cpp_returns_tokens_within_segments() {
        let response = json!({"language": "english", "text": " Unbelievable, no?", "segments": [
            {"id": 0, "text": " Unbelievable, no?", "start": 0.0, "end": 2.0, "no_speech_prob": 0.0, "words": [
                {"word": "[_BEG_]", "start": 0.0, "end": 0.0, "probability": 0.9},
                {"word": " Un", "start": 0.0, "end": 0.2, "t_dtw": -1, "probability": 0.9},
                {"word": "believ", "start": 0.2, "end": 0.5, "probability": 0.7},
                {"word": "able", "start": 0.5, "end": 0.8, "probability": 0.95},
                {"word": ",", "start": 0.8, "end": 0.85, "probability": 0.8},
                {"word": " no", "start": 1.0, "end": 1.3, "probability": 0.6},
                {"word": "?", "start": 1.3, "end": 1.4, "probability": 0.5}]}]});

        assert_snapshot!(outline(response), @r"
        0-850 Unbelievable, 0.70
        1000-1400 no? 0.50
        ");
    }

    #[test]
    fn vllm_returns_segments_without_words_and_numbers_as_text() {
        let response = json!({"duration": "3.5", "language": "en", "text": "Right then", "words": null, "segments": [
            {"start": "0.5", "end": "1.6", "text": "Right then", "avg_logprob": -1, "compression_ratio": -1,
             "no_speech_prob": null}]});

        let transcript = parse(&response, 4_000).unwrap();

        assert_eq!((transcript.avg_logprob, transcript.no_speech), (Some(-1.0), None));
        assert_snapshot!(outline(response), @r"
        500-1100 Right ~
        1100-1600 then ~
        ");
    }

    #[test]
    fn text_alone_is_interpolated_over_the_chunk() {
        assert_snapshot!(outline(json!({"text": " one two "})), @r"
        0-2000 one ~
        2000-4000 two ~
        ");
        assert_eq!(outline(json!({"text": ""})), "");
    }

    #[test]
    fn a_response_without_a_transcription_is_refused() {
        for response in [
            json!(null),
            json!([]),
            json!("text"),
            json!({}),
            json!({"text": 7}),
            json!({"error": "x"}),
        ] {
            assert_eq!(parse(&response, 4_000), None, "{response}");
        }
    }

    #[test]
    fn extreme_times_stay_within_the_chunk() {
        let response = json!({"words": [
            {"word": "a", "start": -5, "end": 1e300}, {"word": "b", "start": "NaN", "end": 1}, {"word": "c", "start": 3, "end": 2},
            {"word": 9, "start": 0, "end": 1}, {"start": 0}, 17, {"word": "d", "start": "1e999", "end": 1}]});

        assert_snapshot!(outline(response), @r"
        0-4000 a
        3000-3000 c
        ");
        let endless = json!({"text": "word ".repeat(100_000)});
        assert_eq!(parse(&endless, 4_000).unwrap().words.len(), MAX_WORDS);
    }
}
