//! The sounds of the benches.

use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use media::{
    SAMPLE_RATE,
    chirp::Chirp,
    opus::encode::{EncodedChannels, encode, tone},
};

/// From one chirp to the next, in samples: 1.5 s, and no whole number of packets.
const APART: usize = 72_013;

/// Chirps at known samples, after some silence.
pub struct Chirps {
    pub starts: Vec<usize>,
    chirp: Chirp,
}

impl Chirps {
    pub fn new(count: u32, silence: Duration) -> Self {
        let first = (silence.as_secs_f64() * f64::from(SAMPLE_RATE)) as usize;
        Self {
            starts: (0..count as usize).map(|n| first + n * APART).collect(),
            chirp: Chirp::default(),
        }
    }

    /// With silence behind the last one.
    pub fn length(&self) -> Duration {
        Duration::from_secs_f64(self.samples() as f64 / f64::from(SAMPLE_RATE))
    }

    pub fn sound(&self) -> Vec<i16> {
        to_i16(&self.chirp.at(&self.starts, self.samples()))
    }

    /// The samples at which chirps start in a recording.
    pub fn find(&self, sound: &[f32]) -> Vec<usize> {
        self.chirp.find(sound)
    }

    fn samples(&self) -> usize {
        self.starts.last().map_or(0, |last| last + APART)
    }
}

/// A second of a tone, as packets.
pub fn tone_frames() -> Result<Vec<Bytes>> {
    frames(&tone(440.0, SAMPLE_RATE as usize))
}

/// Any sound as packets of 20 ms.
pub fn frames(sound: &[i16]) -> Result<Vec<Bytes>> {
    Ok(encode(sound, EncodedChannels::Mono)?.packets)
}

fn to_i16(sound: &[f32]) -> Vec<i16> {
    sound
        .iter()
        .map(|&sample| (sample * f32::from(i16::MAX)) as i16)
        .collect()
}
