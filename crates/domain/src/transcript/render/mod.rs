//! Writes a transcript as plain text and as subtitles.

mod srt;
mod text;
mod vtt;

pub use srt::srt;
pub use text::text;
pub use vtt::vtt;

/// Formats a time since the meeting began as hours, minutes, seconds and milliseconds.
fn clock(ms: i64, separator: char) -> String {
    let ms = ms.max(0);
    let (h, m, s, ms) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60, ms % 1000);
    format!("{h:02}:{m:02}:{s:02}{separator}{ms:03}")
}

/// Replaces line breaks and other control characters by spaces.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
pub(crate) mod example {
    use uuid::Uuid;

    use crate::{
        MeetingId,
        transcript::{Segment, Speaker, Transcript},
    };

    pub fn transcript() -> Transcript {
        let segment = |speaker: &str, start_ms, end_ms, text: &str| Segment {
            speaker: speaker.into(),
            start_ms,
            end_ms,
            text: text.to_owned(),
            words: Vec::new(),
        };
        let speaker = |identity: &str, name: &str| Speaker {
            identity: identity.into(),
            display_name: name.to_owned(),
        };
        Transcript {
            meeting_id: MeetingId(Uuid::nil()),
            language: "en".to_owned(),
            duration_ms: 3_700_000,
            speakers: vec![speaker("p-1", "Ada <admin>\n--> L."), speaker("p-2", "")],
            segments: vec![
                segment("p-1", 1_230, 3_000, "Good morning & welcome"),
                segment("p-2", 2_500, 2_900, "Hi"),
                segment("p-1", 3_661_005, 3_662_000, "Bye"),
            ],
            missing: Vec::new(),
        }
    }
}
