//! What the demo found, in words and as a verdict.

use domain::transcript::Transcript;

use super::{
    score::{self, Score},
    voices::Voice,
};
use crate::{api::Recording, setup::DataDir};

/// Less than this of what someone said is a failure.
const ENOUGH_PERCENT: f64 = 90.0;

/// One voice and what stands under its name.
#[derive(Debug)]
pub struct Result {
    pub name: &'static str,
    pub score: Score,
}

impl Result {
    pub fn is_good(&self) -> bool {
        self.score.percent() >= ENOUGH_PERCENT && self.score.foreign_runs == 0
    }
}

/// Compares the transcript with what each voice said.
pub fn judge(transcript: &Transcript, voices: &[Voice]) -> Vec<Result> {
    let said_by_others = |name: &str| {
        let others = voices
            .iter()
            .filter(|voice| voice.name != name)
            .map(|voice| voice.words);
        others.collect::<Vec<_>>().join("\n")
    };
    let judged = voices.iter().map(|voice| {
        let heard = heard_under(voice.name, transcript);
        Result {
            name: voice.name,
            score: score::score(&heard, voice.words, &said_by_others(voice.name)),
        }
    });
    judged.collect()
}

/// The transcript, a line a turn: time, name, words.
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

/// Where the files lie.
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

/// A line a speaker.
pub fn scores(results: &[Result]) -> String {
    let lines = results.iter().map(|result| {
        let Score { hits, words, foreign_runs } = result.score;
        let verdict = if result.is_good() { "ok" } else { "FAILED" };
        let percent = result.score.percent();
        let name = result.name;
        format!("  {name:<7} {percent:5.1} % of the words are right ({hits} of {words}), {foreign_runs} stretches of others' words: {verdict}")
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn heard_under(name: &str, transcript: &Transcript) -> String {
    let called_so = transcript
        .speakers
        .iter()
        .filter(|speaker| speaker.display_name == name);
    let identities: Vec<_> = called_so.map(|speaker| &speaker.identity).collect();
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

    /// Each voice's words under the name of the voice at the index given.
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
    fn words_under_the_right_names_are_good_and_under_swapped_names_are_not() {
        let right = judge(&meeting([0, 1]), &VOICES);
        let swapped = judge(&meeting([1, 0]), &VOICES);

        assert!(right.iter().all(Result::is_good), "{right:?}");
        assert!(!swapped.iter().any(Result::is_good), "{swapped:?}");
    }

    #[test]
    fn each_turn_shows_its_time_and_name() {
        let text = transcript(&meeting([0, 1]));

        assert!(text.starts_with("  01:01.2  Robert  the first thing"), "{text}");
    }
}
