//! The two voices that come with the program: what they sound like, and what they say.

use anyhow::{Context, Result, ensure};
use media::opus::PacketStream;

const UNREADABLE: &str = "a voice of the demo cannot be read";

/// Someone who talks in the demo.
#[derive(Debug)]
pub struct Voice {
    pub name: &'static str,
    /// Every word in order, without punctuation.
    pub words: &'static str,
    ogg: &'static [u8],
}

/// Made by `scripts/make-voices.sh`. By turns, and twice over each other.
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
    /// Its Opus packets, 20 ms each, from the start of the conversation to its end.
    pub fn frames(&self) -> Result<Vec<bytes::Bytes>> {
        let mut stream = PacketStream::open(self.ogg).context(UNREADABLE)?;
        let mut packets = Vec::new();
        while let Some(packet) = stream.next_packet().context(UNREADABLE)? {
            packets.push(packet.data);
        }
        ensure!(!packets.is_empty(), "a voice of the demo holds no sound");
        Ok(packets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_voices_talk_for_half_a_minute_and_say_something_else() {
        let [robert, angus] = &VOICES;

        for voice in [robert, angus] {
            let seconds = voice.frames().unwrap().len() as f64 * 0.02;
            assert!((29.0..33.0).contains(&seconds), "{} talks for {seconds} s", voice.name);
            assert!(voice.words.split_whitespace().count() > 40);
        }
        let result = super::super::score::score(robert.words, robert.words, angus.words);
        assert_eq!((result.percent(), result.foreign_runs), (100.0, 0));
    }
}
