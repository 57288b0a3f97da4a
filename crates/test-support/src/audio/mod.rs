//! Sounds with known samples, and measuring them in a recording. All sounds are mono at 48 kHz.

mod opus;
mod recorded;
mod tone;
mod voice;
mod webm;

pub use media::chirp::Chirp;
pub use opus::{FRAME_SAMPLES, FrameEncoder, encode};
pub use recorded::RecordedFile;
pub use tone::{loudness, tone, tone_share};
pub use voice::Voice;
pub use webm::webm;

/// Samples per second of every sound in this module.
pub const SAMPLE_RATE: usize = 48_000;

/// Digital silence.
pub fn silence(samples: usize) -> Vec<f32> {
    vec![0.0; samples]
}
