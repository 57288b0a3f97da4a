use super::{clock, one_line};
use crate::transcript::Transcript;

/// Renders plain text, one line per utterance: start time, name, words.
pub fn text(transcript: &Transcript) -> String {
    let line = |s: &crate::transcript::Segment| {
        let name = one_line(transcript.display_name(&s.speaker));
        format!("[{}] {name}: {}\n", clock(s.start_ms, '.'), one_line(&s.text))
    };
    transcript.segments.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transcript::render::example;

    #[test]
    fn each_utterance_is_one_line_with_time_and_name() {
        insta::assert_snapshot!(text(&example::transcript()), @r"
        [00:00:01.230] Ada <admin> --> L.: Good morning & welcome
        [00:00:02.500] p-2: Hi
        [01:01:01.005] Ada <admin> --> L.: Bye
        ");
    }
}
