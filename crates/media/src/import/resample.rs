//! Converts audio to 48 kHz, for sources that libopus does not take as they are.

use std::f64::consts::PI;

use crate::SAMPLE_RATE;

/// Input samples that make one output sample.
const TAPS: usize = 64;

/// The pass band, as a part of the lower one of both Nyquist frequencies.
const PASS_BAND: f64 = 0.94;

/// A polyphase filter with a windowed sinc. Output sample `n` is the input at the same time, without delay.
#[derive(Debug)]
pub(super) struct Resampler {
    /// The ratio of output to input rate is `up / down`.
    up: usize,
    down: usize,
    channels: usize,
    /// One filter per phase.
    filters: Vec<[f32; TAPS]>,
    /// The input that is still needed, interleaved. It starts with silence, for the filter's left half.
    input: Vec<f32>,
    /// The phase of the next output sample, in steps of `1 / up` input samples after the start of `input`.
    phase: usize,
    /// Samples per channel since the start.
    taken: u64,
    given: u64,
}

impl Resampler {
    pub(super) fn new(rate: u32, channels: usize) -> Self {
        let divisor = greatest_common_divisor(rate, SAMPLE_RATE);
        let (up, down) = ((SAMPLE_RATE / divisor) as usize, (rate / divisor) as usize);
        let cutoff = PASS_BAND * (f64::from(SAMPLE_RATE) / f64::from(rate)).min(1.0);
        Self {
            up,
            down,
            channels,
            filters: (0..up).map(|phase| filter(phase as f64 / up as f64, cutoff)).collect(),
            input: silence(channels),
            phase: 0,
            taken: 0,
            given: 0,
        }
    }

    /// Adds interleaved input and appends to `output` what can be computed from it.
    pub(super) fn push(&mut self, input: &[f32], output: &mut Vec<f32>) {
        self.taken += (input.len() / self.channels) as u64;
        self.input.extend(input);
        self.run(output);
    }

    /// Appends what is left, as if silence followed, and starts anew.
    pub(super) fn flush(&mut self, output: &mut Vec<f32>) {
        let due = self.due();
        let before = output.len();
        let left = due - self.given;
        self.input.extend(std::iter::repeat_n(0.0, TAPS * self.channels));
        self.run(output);
        output.truncate(before + left as usize * self.channels);
        self.input = silence(self.channels);
        (self.phase, self.taken, self.given) = (0, 0, 0);
    }

    /// Returns the length of the output that the input so far makes but that is not computed yet.
    pub(super) fn pending(&self) -> u64 {
        self.due().saturating_sub(self.given)
    }

    fn due(&self) -> u64 {
        (self.taken * self.up as u64).div_ceil(self.down as u64)
    }

    fn run(&mut self, output: &mut Vec<f32>) {
        let frames = self.input.len() / self.channels;
        while self.phase / self.up + TAPS <= frames {
            let first = self.phase / self.up;
            let filter = &self.filters[self.phase % self.up];
            for channel in 0..self.channels {
                let samples = self.input[first * self.channels + channel..]
                    .iter()
                    .step_by(self.channels);
                output.push(filter.iter().zip(samples).map(|(tap, sample)| tap * sample).sum());
            }
            self.phase += self.down;
            self.given += 1;
        }
        let done = (self.phase / self.up).min(frames);
        self.input.drain(..done * self.channels);
        self.phase -= done * self.up;
    }
}

/// The input before the first sample: all that the filter reaches back.
fn silence(channels: usize) -> Vec<f32> {
    vec![0.0; (TAPS / 2 - 1) * channels]
}

/// Returns the filter for an output sample that lies `fraction` after an input sample, which is tap `TAPS / 2 - 1`.
fn filter(fraction: f64, cutoff: f64) -> [f32; TAPS] {
    let half = (TAPS / 2) as f64;
    let taps: [f64; TAPS] = std::array::from_fn(|tap| {
        let distance = tap as f64 - (half - 1.0) - fraction;
        let window = 0.42 + 0.5 * (PI * distance / half).cos() + 0.08 * (2.0 * PI * distance / half).cos();
        sinc(distance * cutoff) * window
    });
    let sum: f64 = taps.iter().sum();
    taps.map(|tap| (tap / sum) as f32)
}

fn sinc(x: f64) -> f64 {
    if x == 0.0 { 1.0 } else { (PI * x).sin() / (PI * x) }
}

fn greatest_common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(rate: u32, hz: f64, samples: usize) -> Vec<f32> {
        let step = hz * 2.0 * PI / f64::from(rate);
        (0..samples).map(|n| (n as f64 * step).sin() as f32).collect()
    }

    fn resample(rate: u32, input: &[f32]) -> Vec<f32> {
        let mut resampler = Resampler::new(rate, 1);
        let mut output = Vec::new();
        for part in input.chunks(1024) {
            resampler.push(part, &mut output);
        }
        resampler.flush(&mut output);
        output
    }

    #[test]
    fn a_tone_stays_where_it_is_at_every_rate() {
        for rate in [8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 96_000] {
            let output = resample(rate, &sine(rate, 440.0, rate as usize));

            let expected = sine(48_000, 440.0, 48_000);
            assert_eq!(output.len(), expected.len(), "{rate}");
            let inner = 1_000..47_000;
            let errors = output[inner.clone()]
                .iter()
                .zip(&expected[inner])
                .map(|(a, b)| (a - b).abs());
            let worst = errors.fold(0.0_f32, f32::max);
            assert!(worst < 0.01, "{rate} Hz: {worst}");
        }
    }

    #[test]
    fn what_48_khz_cannot_hold_is_removed() {
        let output = resample(96_000, &sine(96_000, 30_000.0, 96_000));

        let loudest = output[1_000..47_000]
            .iter()
            .fold(0.0_f32, |max, sample| max.max(sample.abs()));
        assert!(loudest < 0.01, "{loudest}");
    }

    #[test]
    fn it_starts_anew_after_a_flush() {
        let mut resampler = Resampler::new(44_100, 2);
        let mut output = Vec::new();

        for _ in 0..3 {
            resampler.push(&vec![0.5; 441 * 2], &mut output);
            assert_eq!(resampler.pending() + output.len() as u64 / 2, 480);
            resampler.flush(&mut output);
            assert_eq!((output.len() / 2, resampler.pending()), (480, 0));
            output.clear();
        }
    }
}
