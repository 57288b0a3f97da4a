//! Imports files in memory and listens to the result.

use std::io::Cursor;

use domain::SampleTime;

use crate::chirp::Chirp;
use crate::import::{ImportError, ImportSummary, Importer};
use crate::opus::encode::{EncodedChannels, encode};
use crate::opus::{PacketStream, probe};

/// Where the chirps of the fixtures start.
pub(super) const CHIRPS: [usize; 3] = [24_000, 72_000, 108_000];

/// Length of the fixtures' sound.
pub(super) const SAMPLES: usize = 144_000;

/// A file in `fixtures`; `scripts/make-import-fixtures.sh` makes them.
macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!("../../../fixtures/", $name)).as_slice()
    };
}
pub(super) use fixture;

pub(super) struct Imported {
    pub(super) ogg: Vec<u8>,
    pub(super) summary: ImportSummary,
}

pub(super) fn import(file: &[u8]) -> Result<Imported, ImportError> {
    let mut importer = Importer::open(Cursor::new(file.to_vec()), 7, vec![("TITLE".into(), "a".into())])?;
    let mut ogg = Vec::new();
    while let Some(page) = importer.next_page()? {
        ogg.extend(page);
    }
    let summary = importer.summary();
    Ok(Imported { ogg, summary })
}

impl Imported {
    /// Returns where chirps start, on the clock of the container's timestamps.
    pub(super) fn chirps(&self) -> Vec<i64> {
        let found = Chirp::default().find(&self.sound());
        found.iter().map(|&at| at as i64 + self.summary.start.0).collect()
    }

    /// Returns the audio at 48 kHz, mono, after checking that the file is what the summary says.
    pub(super) fn sound(&self) -> Vec<f32> {
        let probed = probe(Cursor::new(&self.ogg)).unwrap();
        assert_eq!(probed.damage, crate::ogg::Damage::default());
        assert_eq!((probed.samples, probed.malformed), (self.summary.samples, 0));
        assert_eq!(probed.granule, self.summary.samples.samples());
        assert_eq!(probed.head.pre_skip, 0);
        assert_eq!(probed.tags.tags, [("TITLE".to_owned(), "a".to_owned())]);
        decode(&self.packets())
    }

    /// Returns the packets of the file.
    pub(super) fn packets(&self) -> Vec<Vec<u8>> {
        let mut stream = PacketStream::open(Cursor::new(&self.ogg)).unwrap();
        let mut packets = Vec::new();
        while let Some(packet) = stream.next_packet().unwrap() {
            packets.push(packet.data.to_vec());
        }
        packets
    }

    /// Returns the gaps as start and length in samples, on the clock of the container's timestamps.
    pub(super) fn gaps(&self) -> Vec<(i64, i64)> {
        let start = self.summary.start;
        let gaps = self.summary.gaps.iter();
        gaps.map(|gap| ((gap.start_sample + start).0, gap.samples.0)).collect()
    }
}

fn decode(packets: &[Vec<u8>]) -> Vec<f32> {
    let mut decoder = ::opus::Decoder::new(48_000, ::opus::Channels::Mono).unwrap();
    let mut sound = Vec::new();
    for packet in packets {
        let mut samples = vec![0.0; 5760];
        let length = decoder.decode_float(packet, &mut samples, false).unwrap();
        sound.extend(&samples[..length]);
    }
    sound
}

/// Returns the sound of the fixtures.
pub(super) fn chirps() -> Vec<i16> {
    let sound = Chirp::default().at(&CHIRPS, SAMPLES);
    sound.iter().map(|sample| (sample * 32_767.0) as i16).collect()
}

/// Returns the sound of the fixtures as Opus packets of 20 ms.
pub(super) fn opus_packets() -> Vec<Vec<u8>> {
    let encoded = encode(&chirps(), EncodedChannels::Mono).unwrap();
    encoded.packets.iter().map(|packet| packet.to_vec()).collect()
}

/// Returns where a decoder finds the chirps in these packets: later by the delay of the encoder.
pub(super) fn heard() -> [i64; 3] {
    let found = Chirp::default().find(&decode(&opus_packets()));
    let found: Vec<_> = found.iter().map(|&at| at as i64).collect();
    found.try_into().unwrap()
}

/// Checks that each position is within `tolerance` samples of the one expected.
#[track_caller]
pub(super) fn assert_near(found: &[i64], expected: &[i64], tolerance: i64) {
    let is_near = found.len() == expected.len() && found.iter().zip(expected).all(|(a, b)| (a - b).abs() <= tolerance);
    assert!(is_near, "found {found:?}, expected {expected:?} ± {tolerance}");
}

pub(super) fn ms(ms: i64) -> SampleTime {
    SampleTime(ms * 48)
}
