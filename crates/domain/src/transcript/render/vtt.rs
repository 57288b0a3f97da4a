use super::{clock, one_line};
use crate::transcript::{Segment, Transcript};

/// Renders WebVTT subtitles with a voice tag per speaker (W3C WebVTT section 4.2.2).
pub fn vtt(transcript: &Transcript) -> String {
    let block = |s: &Segment| {
        let (start, end) = (clock(s.start_ms, '.'), clock(s.end_ms, '.'));
        let name = escape(transcript.display_name(&s.speaker));
        format!("\n{start} --> {end}\n<v {name}>{}\n", escape(&s.text))
    };
    let blocks: String = transcript.segments.iter().map(block).collect();
    format!("WEBVTT\n{blocks}")
}

fn escape(text: &str) -> String {
    one_line(text)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transcript::render::example;

    #[test]
    fn a_name_cannot_break_out_of_its_voice_tag() {
        insta::assert_snapshot!(vtt(&example::transcript()), @r"
        WEBVTT

        00:00:01.230 --> 00:00:03.000
        <v Ada &lt;admin&gt; --&gt; L.>Good morning &amp; welcome

        00:00:02.500 --> 00:00:02.900
        <v p-2>Hi

        01:01:01.005 --> 01:01:02.000
        <v Ada &lt;admin&gt; --&gt; L.>Bye
        ");
    }
}
