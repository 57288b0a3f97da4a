//! The demo's result: scores and text for the terminal.

use domain::transcript::Transcript;

use super::{
    score::{self, Score},
    voices::Voice,
};
use crate::{api::Recording, setup::DataDir};

/// Percentage of each speaker's words that the transcript must contain.
const REQUIRED_PERCENT: f64 = 90.0;

/// The score of one speaker.
#[derive(Debug)]
pub struct SpeakerResult {
    pub name: &'static str,
    pub score: Score,
}

impl SpeakerResult {
    pub fn is_good(&self) -> bool {
        self.score.percent() >= REQUIRED_PERCENT && self.score.misattributed_runs == 0
    }
}

/// Compares the transcript with the words of each voice.
pub fn score_speakers(transcript: &Transcript, voices: &[Voice]) -> Vec<SpeakerResult> {
    let words_of_others = |name: &str| {
        let others = voices
            .iter()
            .filter(|voice| voice.name != name)
            .map(|voice| voice.words);
        others.collect::<Vec<_>>().join("\n")
    };
    let results = voices.iter().map(|voice| {
        let recognized = text_of(voice.name, transcript);
        SpeakerResult {
            name: voice.name,
            score: score::score(&recognized, voice.words, &words_of_others(voice.name)),
        }
    });
    results.collect()
}

/// Formats the transcript, one line for each turn: time, name, words.
pub fn transcript(transcript: &Transcript) -> String {
    let lines = transcript.segments.iter().map(|segment| {
        let seconds = segment.start_ms as f64 / 1000.0;
        let name = transcript
            .speakers
            .iter()
            .find(|speaker| speaker.identity == segment.speaker);
        let name = name.map_or(segment.speaker.as_str(), |speaker| speaker.display_name.as_str());
        format!(
            "  {:02}:{:04.1}  {name:<7} {}",
            seconds as u64 / 60,
            seconds % 60.0,
            segment.text
        )
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Lists the paths of audio and transcript files.
pub fn files(data: &DataDir, recordings: &[Recording], transcript: &Transcript) -> String {
    let objects = data.objects();
    let audio = recordings.iter().filter_map(|recording| {
        let key = recording.object_key.as_deref()?;
        let seconds = recording.duration_ms.unwrap_or_default() as f64 / 1000.0;
        let kilobytes = recording.size_bytes.unwrap_or_default() / 1000;
        Some(format!(
            "  {}  ({seconds:.1} s, {kilobytes} kB)",
            objects.join(key).display()
        ))
    });
    let exports = objects.join(format!("transcripts/{}", transcript.meeting_id));
    let exports = format!("  {}/  (transcript as JSON, text, SRT and WebVTT)", exports.display());
    audio.chain([exports]).collect::<Vec<_>>().join("\n")
}

/// Formats the scores, one line for each speaker.
pub fn scores(results: &[SpeakerResult]) -> String {
    let lines = results.iter().map(|result| {
        let Score { hits, words, misattributed_runs } = result.score;
        let verdict = if result.is_good() { "ok" } else { "FAILED" };
        let percent = result.score.percent();
        let name = result.name;
        format!("  {name:<7} {percent:5.1} % of the words are correct ({hits} of {words}), {misattributed_runs} passages of other speakers: {verdict}")
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Everything that the transcript attributes to the display name.
fn text_of(name: &str, transcript: &Transcript) -> String {
    let speakers = transcript
        .speakers
        .iter()
        .filter(|speaker| speaker.display_name == name);
    let identities: Vec<_> = speakers.map(|speaker| &speaker.identity).collect();
    let texts = transcript
        .segments
        .iter()
        .filter(|segment| identities.contains(&&segment.speaker));
    texts.map(|segment| segment.text.as_str()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use domain::{
        MeetingId,
        transcript::{Segment, Speaker},
    };
    use uuid::Uuid;

    use super::{super::voices::VOICES, *};

    /// A transcript in which the words of voice `n` are attributed to voice `owner[n]`.
    fn meeting(owner: [usize; 2]) -> Transcript {
        let speaker = |n: usize| Speaker {
            identity: format!("p{n}").as_str().into(),
            display_name: VOICES[n].name.into(),
        };
        let segment = |n: usize| Segment {
            speaker: format!("p{}", owner[n]).as_str().into(),
            start_ms: 61_250,
            end_ms: 62_000,
            text: VOICES[n].words.replace('\n', " ").trim().to_owned(),
            words: Vec::new(),
        };
        Transcript {
            meeting_id: MeetingId(Uuid::nil()),
            language: "en".into(),
            duration_ms: 0,
            speakers: vec![speaker(0), speaker(1)],
            segments: vec![segment(0), segment(1)],
            missing: Vec::new(),
        }
    }

    #[test]
    fn words_under_the_right_names_pass_and_words_under_swapped_names_fail() {
        let right = score_speakers(&meeting([0, 1]), &VOICES);
        let swapped = score_speakers(&meeting([1, 0]), &VOICES);

        assert!(right.iter().all(SpeakerResult::is_good), "{right:?}");
        assert!(!swapped.iter().any(SpeakerResult::is_good), "{swapped:?}");
    }

    #[test]
    fn each_turn_shows_its_time_and_name() {
        let text = transcript(&meeting([0, 1]));

        assert!(text.starts_with("  01:01.2  Robert  the first thing"), "{text}");
    }
}
