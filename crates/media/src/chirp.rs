//! Short rising tones that correlation locates to the sample, even after a lossy codec.

use std::f64::consts::{PI, TAU};

/// Samples per second.
const SAMPLE_RATE: usize = crate::SAMPLE_RATE as usize;

/// Length of one chirp.
const SAMPLES: usize = SAMPLE_RATE * 50 / 1000;

/// First and last frequency; Opus preserves this range at any bit rate.
const HZ: (f64, f64) = (600.0, 3000.0);

const AMPLITUDE: f64 = 0.5;

/// The coarse search uses one sample in this many; the fine search around its results uses all.
const COARSE: usize = 6;

/// Least correlation (1 = identical) of a match. After Opus at 32 kbit/s it is still more than 0.9.
const MIN_CORRELATION: f32 = 0.6;

/// Makes chirps and finds them in audio at 48 kHz.
#[derive(Clone, Debug)]
pub struct Chirp {
    template: Vec<f32>,
    coarse: Vec<f32>,
}

impl Default for Chirp {
    fn default() -> Self {
        let template: Vec<f32> = (0..SAMPLES).map(sample).collect();
        Self {
            coarse: decimate(&template),
            template,
        }
    }
}

impl Chirp {
    /// Returns `samples` samples of silence with a chirp starting at each of `starts`. Samples are between -1 and 1.
    pub fn at(&self, starts: &[usize], samples: usize) -> Vec<f32> {
        let mut sound = vec![0.0; samples];
        for &start in starts {
            for (out, &sample) in sound[start..].iter_mut().zip(&self.template) {
                *out += sample;
            }
        }
        sound
    }

    /// Returns the samples at which chirps start, in order.
    pub fn find(&self, sound: &[f32]) -> Vec<usize> {
        let correlation = correlate(&decimate(sound), &self.coarse);
        peaks(&correlation, self.coarse.len())
            .into_iter()
            .map(|coarse| self.refine(sound, coarse * COARSE))
            .collect()
    }

    fn refine(&self, sound: &[f32], near: usize) -> usize {
        let from = near.saturating_sub(2 * COARSE);
        let until = (near + 2 * COARSE + self.template.len()).min(sound.len());
        let correlation = correlate(&sound[from..until], &self.template);
        let best = correlation.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
        best.map_or(near, |(offset, _)| from + offset)
    }
}

fn sample(n: usize) -> f32 {
    let (t, length) = (n as f64 / SAMPLE_RATE as f64, SAMPLES as f64 / SAMPLE_RATE as f64);
    let phase = TAU * (HZ.0 * t + (HZ.1 - HZ.0) * t * t / (2.0 * length));
    let window = (PI * n as f64 / SAMPLES as f64).sin().powi(2);
    (AMPLITUDE * window * phase.sin()) as f32
}

/// Averages every few samples: a low-pass filter and decimation in one.
fn decimate(sound: &[f32]) -> Vec<f32> {
    sound
        .chunks_exact(COARSE)
        .map(|few| few.iter().sum::<f32>() / COARSE as f32)
        .collect()
}

/// Returns the correlation of `template` with `sound` at each offset, from -1 to 1; 0 where `sound` is nearly silent.
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

/// Returns the offsets of the highest peaks, each more than `distance` from any higher one.
fn peaks(correlation: &[f32], distance: usize) -> Vec<usize> {
    let mut candidates: Vec<usize> = (0..correlation.len())
        .filter(|&n| correlation[n] > MIN_CORRELATION)
        .collect();
    candidates.sort_by(|&a, &b| correlation[b].total_cmp(&correlation[a]));
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
    use domain::SampleTime;

    use crate::opus::decode::Decoder;
    use crate::opus::encode::{EncodedChannels, encode_file, tone};

    #[test]
    fn chirps_are_found_at_the_exact_sample() {
        let starts = [0, 5_001, 17_777, 40_003];
        let chirp = Chirp::default();

        let found = chirp.find(&chirp.at(&starts, SAMPLE_RATE));

        assert_eq!(found, starts);
    }

    #[test]
    fn tones_and_silence_contain_no_chirp() {
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
        let mut decoder = Decoder::<_, SampleTime>::open(file.as_slice()).unwrap();
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
