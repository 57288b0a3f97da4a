//! Numbered tones: a minute of sound in which every packet of 20 ms differs from all others, so that a packet in a file
//! tells what was said when. The tone of each second has its own pitch, so that ears and other programs can tell, too.

use std::collections::HashMap;

use anyhow::{Result, ensure};
use bytes::Bytes;
use media::SAMPLE_RATE;

use crate::bench::sounds;

/// Length of the sound. It is repeated, and each track starts at another place of it.
const SECONDS: usize = 60;

/// Packets per second.
pub const PACKETS_PER_S: i64 = 50;

/// Samples in a packet.
pub const PACKET_SAMPLES: i64 = 960;

/// Pitch of the first second, and the step to the next one.
const BASE_HZ: f64 = 300.0;
const STEP_HZ: f64 = 20.0;

/// Amplitudes of tone and noise. The noise makes packets of the same pitch differ.
const TONE: f64 = 8000.0;
const NOISE: f64 = 400.0;

/// The sound as Opus packets, and where in it each packet is.
#[derive(Debug)]
pub struct Tones {
    packets: Vec<Bytes>,
    places: HashMap<Bytes, usize>,
}

impl Tones {
    pub fn new() -> Result<Self> {
        let samples = SECONDS * SAMPLE_RATE as usize;
        let mut packets = sounds::frames(&sound(samples))?;
        packets.truncate(samples / PACKET_SAMPLES as usize);
        let places: HashMap<_, _> = packets.iter().cloned().zip(0..).collect();
        ensure!(places.len() == packets.len(), "two packets of the sound are equal");
        Ok(Self { packets, places })
    }

    /// Packet number `number` of a track that starts `offset` packets into the sound.
    pub fn packet(&self, offset: i64, number: i64) -> Bytes {
        self.packets[(offset + number).rem_euclid(self.len()) as usize].clone()
    }

    /// The number of a packet on a track that starts `offset` packets into the sound: of all possible numbers the one
    /// closest to `near`. `None` if the packet is not part of the sound.
    pub fn number(&self, offset: i64, packet: &Bytes, near: i64) -> Option<i64> {
        let place = i64::try_from(*self.places.get(packet)?).ok()?;
        let first = (place - offset - near).rem_euclid(self.len());
        let distance = if first > self.len() / 2 {
            first - self.len()
        } else {
            first
        };
        Some(near + distance)
    }

    fn len(&self) -> i64 {
        self.packets.len() as i64
    }
}

fn sound(samples: usize) -> Vec<i16> {
    let (mut phase, mut noise) = (0.0_f64, 1_u32);
    (0..samples)
        .map(|n| {
            let second = n / SAMPLE_RATE as usize;
            phase += std::f64::consts::TAU * (BASE_HZ + STEP_HZ * second as f64) / f64::from(SAMPLE_RATE);
            // A linear congruential generator, so that the sound is always the same.
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (TONE * phase.sin() + NOISE * (f64::from(noise) / f64::from(u32::MAX) - 0.5)) as i16
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_packet_tells_its_number() {
        let tones = Tones::new().unwrap();

        for (offset, number, near) in [(0, 0, 0), (375, 7, 100), (375, 3_000, 2_000), (2_999, 9_001, 10_000)] {
            let packet = tones.packet(offset, number);

            assert_eq!(tones.number(offset, &packet, near), Some(number));
        }
        assert_eq!(tones.number(0, &Bytes::from_static(&[0xf8, 0xff, 0xfe]), 0), None);
    }
}
