//! The two voices that are bundled with the binary, and their words.

use anyhow::{Context, Result, ensure};
use media::opus::PacketStream;

const UNREADABLE: &str = "cannot read a voice of the demo";

/// A speaker of the demo.
#[derive(Debug)]
pub struct Voice {
    pub name: &'static str,
    /// Every word in order, without punctuation.
    pub words: &'static str,
    ogg: &'static [u8],
}

/// Made by `scripts/make-voices.sh`. They take turns and overlap twice.
pub const VOICES: [Voice; 2] = [
    Voice {
        name: "Robert",
        words: include_str!("../../voices/robert.txt"),
        ogg: include_bytes!("../../voices/robert.ogg"),
    },
    Voice {
        name: "Angus",
        words: include_str!("../../voices/angus.txt"),
        ogg: include_bytes!("../../voices/angus.ogg"),
    },
];

impl Voice {
    /// Its Opus packets of 20 ms, from the start of the conversation to its end.
    pub fn frames(&self) -> Result<Vec<bytes::Bytes>> {
        let mut stream = PacketStream::open(self.ogg).context(UNREADABLE)?;
        let mut packets = Vec::new();
        while let Some(packet) = stream.next_packet().context(UNREADABLE)? {
            packets.push(packet.data);
        }
        ensure!(!packets.is_empty(), "a voice of the demo contains no audio");
        Ok(packets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_voices_speak_for_half_a_minute_and_say_different_things() {
        let [robert, angus] = &VOICES;

        for voice in [robert, angus] {
            let seconds = voice.frames().unwrap().len() as f64 * 0.02;
            assert!((29.0..33.0).contains(&seconds), "{} speaks for {seconds} s", voice.name);
            assert!(voice.words.split_whitespace().count() > 40);
        }
        let result = super::super::score::score(robert.words, robert.words, angus.words);
        assert_eq!((result.percent(), result.misattributed_runs), (100.0, 0));
    }
}
