//! Test audio: tones, and sentences by a synthetic voice.

use media::opus::encode::{EncodedChannels, encode_file, tone};
use test_support::audio::Voice;

/// Samples per second of what goes into a recording.
const RECORDED_RATE: usize = 48_000;

/// A tone or a silence in a test recording.
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

/// Encodes tones, one after the other, as an Ogg/Opus file.
pub fn ogg(tones: &[Tone]) -> Vec<u8> {
    let sound: Vec<i16> = tones.iter().flat_map(sound).collect();
    encode_file(&sound, EncodedChannels::Mono).unwrap()
}

/// Returns a spoken sentence at 16 kHz, with half a second of silence before and after it.
pub fn spoken(text: &str) -> Vec<i16> {
    let silence = [0; 8_000];
    [&silence[..], &Voice::Rms.say_16khz(text), &silence].concat()
}

/// Encodes samples at 16 kHz as an Ogg/Opus file, as a recorded microphone track would be.
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

fn sound(part: &Tone) -> Vec<i16> {
    let samples = (part.seconds * RECORDED_RATE as f64) as usize;
    part.hertz
        .map_or_else(|| vec![0; samples], |hertz| tone(hertz, samples))
}
