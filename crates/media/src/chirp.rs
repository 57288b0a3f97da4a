//! Short rising tones that a correlation finds to the sample, also after a lossy codec.

use std::f64::consts::{PI, TAU};

/// Samples per second of the sound.
const SAMPLE_RATE: usize = crate::SAMPLE_RATE as usize;

/// Length of one chirp.
const SAMPLES: usize = SAMPLE_RATE * 50 / 1000;

/// From where to where it rises; well within what Opus keeps at any bit rate.
const HZ: (f64, f64) = (600.0, 3000.0);

const AMPLITUDE: f64 = 0.5;

/// The first look is at one sample in so many, and only the second, near what the first found, at each.
const COARSE: usize = 6;

/// The least correlation (1 = equal) that counts as found. Opus at 32 kbit/s leaves more than 0.9.
const FOUND: f32 = 0.6;

/// The sound that is made and looked for.
#[derive(Clone, Debug)]
pub struct Chirp {
    template: Vec<f32>,
    coarse: Vec<f32>,
}

impl Default for Chirp {
    fn default() -> Self {
        let template: Vec<f32> = (0..SAMPLES).map(sample).collect();
        Self {
            coarse: thin_out(&template),
            template,
        }
    }
}

impl Chirp {
    /// A sound of `samples` with a chirp at each of `starts`.
    pub fn at(&self, starts: &[usize], samples: usize) -> Vec<f32> {
        let mut sound = vec![0.0; samples];
        for &start in starts {
            for (place, &sample) in sound[start..].iter_mut().zip(&self.template) {
                *place += sample;
            }
        }
        sound
    }

    /// The samples at which chirps start, in order.
    pub fn find(&self, sound: &[f32]) -> Vec<usize> {
        let likeness = correlate(&thin_out(sound), &self.coarse);
        peaks(&likeness, self.coarse.len())
            .into_iter()
            .map(|coarse| self.refine(sound, coarse * COARSE))
            .collect()
    }

    fn refine(&self, sound: &[f32], near: usize) -> usize {
        let from = near.saturating_sub(2 * COARSE);
        let until = (near + 2 * COARSE + self.template.len()).min(sound.len());
        let likeness = correlate(&sound[from..until], &self.template);
        let best = likeness.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
        best.map_or(near, |(offset, _)| from + offset)
    }
}

fn sample(n: usize) -> f32 {
    let (t, length) = (n as f64 / SAMPLE_RATE as f64, SAMPLES as f64 / SAMPLE_RATE as f64);
    let phase = TAU * (HZ.0 * t + (HZ.1 - HZ.0) * t * t / (2.0 * length));
    let window = (PI * n as f64 / SAMPLES as f64).sin().powi(2);
    (AMPLITUDE * window * phase.sin()) as f32
}

/// The mean of each few samples: a low-pass and fewer samples in one.
fn thin_out(sound: &[f32]) -> Vec<f32> {
    sound
        .chunks_exact(COARSE)
        .map(|few| few.iter().sum::<f32>() / COARSE as f32)
        .collect()
}

/// How alike `template` and each stretch of `sound` are, from -1 to 1; 0 where there is hardly any sound.
fn correlate(sound: &[f32], template: &[f32]) -> Vec<f32> {
    let norm = |part: &[f32]| part.iter().map(|s| s * s).sum::<f32>().sqrt();
    let own = norm(template);
    sound
        .windows(template.len())
        .map(|part| {
            let product: f32 = part.iter().zip(template).map(|(a, b)| a * b).sum();
            let other = norm(part);
            if other < own / 100.0 {
                0.0
            } else {
                product / (own * other)
            }
        })
        .collect()
}

/// The highest places, none nearer to a higher one than `distance`.
fn peaks(likeness: &[f32], distance: usize) -> Vec<usize> {
    let mut candidates: Vec<usize> = (0..likeness.len()).filter(|&n| likeness[n] > FOUND).collect();
    candidates.sort_by(|&a, &b| likeness[b].total_cmp(&likeness[a]));
    let mut found: Vec<usize> = Vec::new();
    for candidate in candidates {
        if found.iter().all(|&other| other.abs_diff(candidate) > distance) {
            found.push(candidate);
        }
    }
    found.sort_unstable();
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::opus::decode::{Decoder, OutputRate};
    use crate::opus::encode::{EncodedChannels, encode_file, tone};

    #[test]
    fn chirps_are_found_at_their_very_samples() {
        let starts = [0, 5_001, 17_777, 40_003];
        let chirp = Chirp::default();

        let found = chirp.find(&chirp.at(&starts, SAMPLE_RATE));

        assert_eq!(found, starts);
    }

    #[test]
    fn tones_and_silence_hold_no_chirp() {
        let chirp = Chirp::default();
        let tone: Vec<f32> = tone(1000.0, SAMPLE_RATE)
            .into_iter()
            .map(|s| f32::from(s) / 32768.0)
            .collect();

        assert!(chirp.find(&vec![0.0; SAMPLE_RATE]).is_empty());
        assert!(chirp.find(&tone).is_empty());
    }

    #[test]
    fn after_the_codec_chirps_are_found_within_a_tenth_of_a_millisecond() {
        let starts: Vec<usize> = (1..20).map(|n| n * 7_013).collect();
        let chirp = Chirp::default();
        let sound: Vec<i16> = chirp
            .at(&starts, 3 * SAMPLE_RATE)
            .into_iter()
            .map(|s| (s * 32767.0) as i16)
            .collect();
        let file = encode_file(&sound, EncodedChannels::Mono).unwrap();
        let mut decoder = Decoder::open(file.as_slice(), OutputRate::Hz48000).unwrap();
        let mut decoded = Vec::new();
        while let Some(block) = decoder.next_block().unwrap() {
            decoded.extend(block.samples.into_iter().map(|s| f32::from(s) / 32768.0));
        }

        let found = chirp.find(&decoded);

        assert_eq!(found.len(), starts.len());
        assert!(
            found
                .iter()
                .zip(&starts)
                .all(|(found, start)| found.abs_diff(*start) <= 4),
            "{found:?}"
        );
    }
}
