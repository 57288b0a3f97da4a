//! Someone whose words are known, so that a transcript can be checked.

use std::time::Duration;

use anyhow::Result;
use domain::transcript::{Transcript, accuracy::words};

use super::{meeting::Meeting, rows::Figure, stack::wait_for};
use crate::demo::{
    participant::{Participant, Room, StartSignal},
    score::score,
    voices::VOICES,
};

/// The name of the speaker.
const NAME: &str = "Voice";

/// Recognition of half a minute takes this long at most on a busy machine.
const TRANSCRIPT_TIMEOUT: Duration = Duration::from_secs(300);

/// Share of the words that PocketSphinx may miss, as in the demo, and that it may invent.
const MAX_MISSED_PERCENT: f64 = 10.0;

/// Fewer equal words in two segments may be a coincidence.
const SAME_WORDS: usize = 4;

/// Joins, speaks for half a minute, and leaves.
pub async fn speak(meeting: &Meeting<'_>) -> Result<()> {
    let stack = meeting.stack();
    let room = Room {
        api: &stack.api,
        name: &meeting.room,
        secrets: &stack.prepared().secrets,
    };
    let participant = Participant::join(room, &VOICES[0], NAME).await?;
    let start = StartSignal::default();
    let is_recorded = async {
        let active = wait_for("the voice is recorded", TRANSCRIPT_TIMEOUT, async || {
            let recordings = meeting.recordings().await.ok()?;
            let tracks = meeting.speakers.len();
            (recordings
                .iter()
                .filter(|recording| recording.state == "active")
                .count()
                > tracks)
                .then_some(())
        });
        let active = active.await;
        start.send();
        active
    };
    let (spoken, active) = tokio::join!(participant.speak(start.clone()), is_recorded);
    active.and(spoken)
}

/// Waits for the transcript of a meeting in which [`speak`] was heard.
pub async fn transcript(meeting: &Meeting<'_>) -> Result<Transcript> {
    let stack = meeting.stack();
    let id = wait_for("there is a transcript", TRANSCRIPT_TIMEOUT, async || {
        let meetings = stack.api.meetings(&meeting.room).await.ok()?;
        let latest = meetings.into_iter().next()?;
        matches!(latest.transcript.state.as_str(), "ready" | "empty" | "failed").then_some(latest.id)
    })
    .await?;
    stack.api.transcript(id).await
}

/// Compares a transcript with the words that were said.
pub fn judge(transcript: &Transcript) -> Vec<Figure> {
    let speaker = transcript.speakers.iter().find(|speaker| speaker.display_name == NAME);
    let identity = speaker.map(|speaker| &speaker.identity);
    let segments: Vec<&str> = transcript
        .segments
        .iter()
        .filter(|segment| Some(&segment.speaker) == identity)
        .map(|segment| segment.text.as_str())
        .collect();
    let said = VOICES[0].words;
    vec![
        Figure {
            what: "words missing in the transcript",
            value: 100.0 - score(&segments.join(" "), said, "").percent(),
            limit: MAX_MISSED_PERCENT,
            unit: "%",
        },
        Figure {
            what: "passages twice in the transcript",
            value: repeated(&segments) as f64,
            limit: 0.0,
            unit: "",
        },
    ]
}

/// Segments that contain the same words as an earlier one. The voice says no sentence twice.
fn repeated(segments: &[&str]) -> usize {
    let texts: Vec<Vec<String>> = segments.iter().map(|text| words(text)).collect();
    let is_repeated = |at: usize| texts[at].len() >= SAME_WORDS && texts[..at].contains(&texts[at]);
    (0..texts.len()).filter(|at| is_repeated(*at)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_passages_count_as_repeated() {
        let said = [
            "the first thing on the agenda",
            "all right",
            "all right",
            "The first thing, on the agenda!",
        ];

        assert_eq!(repeated(&said), 1);
        assert_eq!(repeated(&said[..3]), 0);
    }
}
