use super::{clock, one_line};
use crate::transcript::{Segment, Transcript};

/// Renders SubRip subtitles: numbered blocks, with a comma before the milliseconds.
pub fn srt(transcript: &Transcript) -> String {
    let block = |(n, s): (usize, &Segment)| {
        let (start, end) = (clock(s.start_ms, ','), clock(s.end_ms, ','));
        let name = one_line(transcript.display_name(&s.speaker));
        format!("{}\n{start} --> {end}\n{name}: {}\n", n + 1, one_line(&s.text))
    };
    transcript
        .segments
        .iter()
        .enumerate()
        .map(block)
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transcript::render::example;

    #[test]
    fn blocks_are_numbered_and_may_overlap() {
        insta::assert_snapshot!(srt(&example::transcript()), @r"
        1
        00:00:01,230 --> 00:00:03,000
        Ada <admin> --> L.: Good morning & welcome

        2
        00:00:02,500 --> 00:00:02,900
        p-2: Hi

        3
        01:01:01,005 --> 01:01:02,000
        Ada <admin> --> L.: Bye
        ");
    }
}
