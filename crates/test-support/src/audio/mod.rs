//! Sounds whose every sample is known, and finding them again in what was recorded. All of it is mono at 48 kHz.

mod opus;
mod recorded;
mod tone;
mod voice;
mod words;

pub use media::chirp::Chirp;
pub use opus::{FRAME_SAMPLES, FrameEncoder, encode};
pub use recorded::{RecordedFile, check_with_other_programs};
pub use tone::{loudness, tone, tone_share};
pub use voice::Voice;
pub use words::{words, words_hit};

/// Samples per second of every sound here.
pub const SAMPLE_RATE: usize = 48_000;

/// A sound of nothing.
pub fn silence(samples: usize) -> Vec<f32> {
    vec![0.0; samples]
}
