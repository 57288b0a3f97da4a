//! Makes and measures sine tones.

use std::f64::consts::TAU;

use super::SAMPLE_RATE;

/// Loud enough for any codec and far from clipping.
const AMPLITUDE: f64 = 0.4;

/// A sine of `hz` hertz.
pub fn tone(hz: f64, samples: usize) -> Vec<f32> {
    let step = TAU * hz / SAMPLE_RATE as f64;
    (0..samples)
        .map(|n| (AMPLITUDE * (step * n as f64).sin()) as f32)
        .collect()
}

/// Root mean square.
pub fn loudness(sound: &[f32]) -> f32 {
    let power: f64 = sound.iter().map(|&s| f64::from(s).powi(2)).sum();
    (power / sound.len().max(1) as f64).sqrt() as f32
}

/// The share of the sound's power at `hz` hertz: 1 for a pure tone, 0 for silence and for other tones.
pub fn tone_share(sound: &[f32], hz: f64) -> f32 {
    let (sine, cosine) = sound
        .iter()
        .enumerate()
        .fold((0.0, 0.0), |(sine, cosine), (n, &sample)| {
            let angle = TAU * hz * n as f64 / SAMPLE_RATE as f64;
            (
                sine + f64::from(sample) * angle.sin(),
                cosine + f64::from(sample) * angle.cos(),
            )
        });
    let power: f64 = sound.iter().map(|&s| f64::from(s).powi(2)).sum();
    if power == 0.0 {
        return 0.0;
    }
    // A sine of amplitude A over N samples has the energy N·A²/2 and the correlation N·A/2.
    (2.0 * (sine * sine + cosine * cosine) / (power * sound.len() as f64)) as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::silence;

    #[test]
    fn a_tone_is_distinguished_from_other_tones_and_from_silence() {
        let sound = tone(440.0, 4800);

        assert!(tone_share(&sound, 440.0) > 0.99);
        assert!(tone_share(&sound, 660.0) < 0.01);
        assert_eq!(tone_share(&silence(4800), 440.0), 0.0);
        assert!((loudness(&sound) - 0.283).abs() < 0.01);
    }
}
