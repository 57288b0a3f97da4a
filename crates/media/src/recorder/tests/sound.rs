//! Recordings are decoded and their sound is checked.

use super::support::*;
use crate::opus::decode::{Decoder, SampleTime16k};
use crate::opus::encode::{EncodedChannels, encode, tone};

/// Samples at 16 kHz in a millisecond.
const PER_MS: usize = 16;

impl Scenario {
    /// Sends 1 s of a tone.
    fn send_tone(&mut self) {
        let sound = encode(&tone(440.0, 48_000), EncodedChannels::Mono).unwrap();
        for packet in sound.packets.into_iter().take(50) {
            self.send(packet);
            self.pass(FRAME_MS);
        }
    }
}

fn decode(recording: &Recording) -> Vec<i16> {
    let decoder = Decoder::<_, SampleTime16k>::open(&recording.file[..]).unwrap();
    decoder.flat_map(|block| block.unwrap().samples).collect()
}

/// Returns the milliseconds that are loud.
fn loud_ms(sound: &[i16]) -> Vec<usize> {
    let is_loud = |ms: &[i16]| ms.iter().any(|sample| sample.unsigned_abs() > 2000);
    sound
        .chunks(PER_MS)
        .enumerate()
        .filter(|(_, ms)| is_loud(ms))
        .map(|(number, _)| number)
        .collect()
}

#[test]
fn a_tone_after_a_mute_is_at_its_time_and_the_mute_is_silent() {
    let mut scenario = Scenario::new();
    scenario.send_tone();
    scenario.inject(50);
    scenario.silence(9000);
    scenario.send_tone();

    let sound = decode(&scenario.finish());

    let after = loud_ms(&sound).into_iter().find(|&ms| ms > 1500).unwrap();
    assert_eq!(sound.len(), 12_000 * PER_MS);
    assert!(after.abs_diff(11_000) <= 10, "{after}");
    assert!(sound[1100 * PER_MS..10_990 * PER_MS].iter().all(|&sample| sample == 0));
}

#[test]
fn a_short_loss_within_a_tone_leaves_no_silence() {
    let mut scenario = Scenario::new();
    scenario.send_tone();
    scenario.lose(1);
    scenario.send_tone();

    let sound = decode(&scenario.finish());

    let holes = (50..1900).filter(|ms| {
        sound[ms * PER_MS..(ms + 5) * PER_MS]
            .iter()
            .all(|s| s.unsigned_abs() < 500)
    });
    assert_eq!(sound.len(), 2020 * PER_MS);
    assert_eq!(holes.collect::<Vec<_>>(), Vec::<usize>::new());
}
