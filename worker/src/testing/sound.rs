//! Sound for tests: tones, and sentences by a synthetic voice.

use std::process::Command;

use media::opus::encode::{EncodedChannels, encode_file, tone};

/// Samples per second of what goes into a recording.
const RECORDED_RATE: usize = 48_000;

/// A part of a made-up recording.
pub struct Tone {
    hertz: Option<f64>,
    seconds: f64,
}

impl Tone {
    pub fn of(hertz: f64, seconds: f64) -> Self {
        Self {
            hertz: Some(hertz),
            seconds,
        }
    }

    pub fn silence(seconds: f64) -> Self {
        Self { hertz: None, seconds }
    }
}

/// Tones one after the other as an Ogg/Opus file.
pub fn ogg(tones: &[Tone]) -> Vec<u8> {
    let sound: Vec<i16> = tones.iter().flat_map(sound).collect();
    encode_file(&sound, EncodedChannels::Mono).unwrap()
}

/// A sentence by flite's clearest voice, 16 kHz, with half a second of silence around it.
pub fn spoken(text: &str) -> Vec<i16> {
    let folder = tempfile::tempdir().unwrap();
    let wav = folder.path().join("speech.wav");
    let status = Command::new("flite")
        .args(["-voice", "rms", "-t", text, "-o"])
        .arg(&wav)
        .status()
        .unwrap();
    assert!(status.success());
    let bytes = std::fs::read(&wav).unwrap();
    assert_eq!(
        u32::from_le_bytes(bytes[24..28].try_into().unwrap()),
        16_000,
        "the voice speaks at 16 kHz"
    );
    let speech = bytes[44..].chunks_exact(2).map(|s| i16::from_le_bytes([s[0], s[1]]));
    let silence = [0; 8_000];
    silence.into_iter().chain(speech).chain(silence).collect()
}

/// Sound at 16 kHz as an Ogg/Opus file, as a microphone's track would be.
pub fn recorded(sound: &[i16]) -> Vec<u8> {
    let next = sound.iter().skip(1).chain(sound.last());
    let between = |a: i16, b: i16, third: i32| (i32::from(a) + (i32::from(b) - i32::from(a)) * third / 3) as i16;
    let upsampled: Vec<i16> = sound
        .iter()
        .zip(next)
        .flat_map(|(a, b)| [*a, between(*a, *b, 1), between(*a, *b, 2)])
        .collect();
    encode_file(&upsampled, EncodedChannels::Mono).unwrap()
}

/// How many words of `reference` are in `heard`, in order.
pub fn words_right(reference: &str, heard: &str) -> usize {
    let (reference, heard): (Vec<&str>, Vec<&str>) = (reference.split(' ').collect(), heard.split(' ').collect());
    let mut best = vec![0; heard.len() + 1];
    for word in &reference {
        let mut diagonal = 0;
        for (i, other) in heard.iter().enumerate() {
            let above = best[i + 1];
            best[i + 1] = if word == other {
                diagonal + 1
            } else {
                above.max(best[i])
            };
            diagonal = above;
        }
    }
    best[heard.len()]
}

fn sound(part: &Tone) -> Vec<i16> {
    let samples = (part.seconds * RECORDED_RATE as f64) as usize;
    part.hertz
        .map_or_else(|| vec![0; samples], |hertz| tone(hertz, samples))
}
