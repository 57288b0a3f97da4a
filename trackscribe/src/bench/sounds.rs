//! The sounds that the benches send.

use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use media::{
    SAMPLE_RATE,
    chirp::Chirp,
    opus::encode::{EncodedChannels, encode, tone},
};

/// Samples from one chirp to the next: 1.5 s, and not a whole number of packets.
const INTERVAL: usize = 72_013;

/// Silence, then chirps at known samples.
pub struct Chirps {
    pub starts: Vec<usize>,
    chirp: Chirp,
}

impl Chirps {
    pub fn new(count: u32, silence: Duration) -> Self {
        let first = (silence.as_secs_f64() * f64::from(SAMPLE_RATE)) as usize;
        Self {
            starts: (0..count as usize).map(|n| first + n * INTERVAL).collect(),
            chirp: Chirp::default(),
        }
    }

    /// Duration of the sound, including the silence after the last chirp.
    pub fn duration(&self) -> Duration {
        Duration::from_secs_f64(self.samples() as f64 / f64::from(SAMPLE_RATE))
    }

    pub fn sound(&self) -> Vec<i16> {
        to_i16(&self.chirp.at(&self.starts, self.samples()))
    }

    /// Finds the samples at which chirps start in a recording.
    pub fn find(&self, sound: &[f32]) -> Vec<usize> {
        self.chirp.find(sound)
    }

    fn samples(&self) -> usize {
        self.starts.last().map_or(0, |last| last + INTERVAL)
    }
}

/// One second of a tone as Opus packets.
pub fn tone_frames() -> Result<Vec<Bytes>> {
    frames(&tone(440.0, SAMPLE_RATE as usize))
}

/// Encodes a sound into Opus packets of 20 ms.
pub fn frames(sound: &[i16]) -> Result<Vec<Bytes>> {
    Ok(encode(sound, EncodedChannels::Mono)?.packets)
}

fn to_i16(sound: &[f32]) -> Vec<i16> {
    sound
        .iter()
        .map(|&sample| (sample * f32::from(i16::MAX)) as i16)
        .collect()
}
