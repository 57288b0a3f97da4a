//! Reads a recorded file and finds in it the packets that a speaker sent.

use std::ops::Range;

use anyhow::{Context, Result};
use bytes::Bytes;
use domain::{SampleTime, manifest::Manifest};
use media::opus::{PacketStream, decode::Decoder, is_injected};
use sha2::{Digest, Sha256};

use super::{
    sent::Sent,
    tones::{PACKET_SAMPLES, PACKETS_PER_S, Tones},
};

/// A filler of the recorder is at most this long; sound is longer.
const MAX_FILLER_BYTES: usize = 3;

/// One file of a track.
#[derive(Debug, Default)]
pub struct RecordedFile {
    pub track_sid: String,
    /// The packets of the speaker in the file, in its order.
    pub placed: Vec<Placed>,
    /// Intervals that the recorder filled, in samples, in order.
    pub fillers: Vec<Range<i64>>,
    /// Packets that neither the speaker nor livekit-server nor the recorder made.
    pub foreign: u64,
    /// Length in samples.
    pub samples: i64,
    /// What is wrong with the file as such.
    pub problems: Vec<String>,
    pub manifest: Option<Manifest>,
}

/// A packet of the speaker in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    pub number: i64,
    /// Its first sample in the file.
    pub position: i64,
}

impl RecordedFile {
    pub fn read(bytes: &[u8], manifest: Option<Manifest>, sent: &Sent, track_sid: &str, tones: &Tones) -> Result<Self> {
        let mut file = Self {
            track_sid: track_sid.to_owned(),
            manifest,
            ..Self::default()
        };
        let mut stream = PacketStream::open(bytes).context("the file cannot be opened")?;
        let mut near = file.first_number(sent);
        while let Some(packet) = stream.next_packet().context("the file cannot be read")? {
            near = file.push(tones, sent, near, &packet.data, packet.samples.into());
        }
        let damage = stream.damage();
        if damage.is_torn || damage.skipped_bytes > 0 || damage.missing_pages > 0 || stream.malformed() > 0 {
            file.problems.push(format!(
                "the file is damaged: {damage:?}, {} malformed",
                stream.malformed()
            ));
        }
        file.check_decoding(bytes)?;
        file.check_digest(bytes);
        Ok(file)
    }

    /// Where in the sent packets the file starts, roughly.
    fn first_number(&self, sent: &Sent) -> i64 {
        let by_clock = self
            .manifest
            .as_ref()
            .map(|manifest| (manifest.trackscribe.clock.fit.a_ns.0 - sent.start_ns) / (1_000_000_000 / PACKETS_PER_S));
        let run = sent.runs.iter().find(|run| run.track_sid == self.track_sid);
        by_clock.or(run.map(|run| run.first)).unwrap_or_default()
    }

    /// Adds a packet and returns the number that the next one should have.
    fn push(&mut self, tones: &Tones, sent: &Sent, near: i64, data: &Bytes, samples: i64) -> i64 {
        let position = self.samples;
        self.samples += samples;
        if let Some(number) = tones.number(sent.offset, data, near) {
            self.placed.push(Placed { number, position });
            return number + 1;
        }
        // livekit-server sends a second of silence when a track is muted, which is recorded like everything else.
        if data.len() > MAX_FILLER_BYTES {
            self.foreign += u64::from(!is_injected(data));
            return self.expected_at(self.samples).unwrap_or(near);
        }
        match self.fillers.last_mut() {
            Some(last) if last.end == position => last.end = self.samples,
            _ => self.fillers.push(position..self.samples),
        }
        self.expected_at(self.samples).unwrap_or(near)
    }

    /// The number that a packet at `position` has if none before it is misplaced.
    fn expected_at(&self, position: i64) -> Option<i64> {
        let last = self.placed.last()?;
        Some(last.number + (position - last.position) / PACKET_SAMPLES)
    }

    /// Decodes everything with libopus.
    fn check_decoding(&mut self, bytes: &[u8]) -> Result<()> {
        let mut decoder = Decoder::<_, SampleTime>::open(bytes).context("the file cannot be decoded")?;
        let mut samples = 0;
        while let Some(block) = decoder.next_block().context("the file cannot be decoded")? {
            samples = block.start.0 + block.samples.len() as i64;
        }
        let report = decoder.report();
        if samples != self.samples || report.concealed > 0 || report.malformed > 0 {
            self.problems.push(format!(
                "decoding gives {samples} of {} samples ({report:?})",
                self.samples
            ));
        }
        Ok(())
    }

    fn check_digest(&mut self, bytes: &[u8]) {
        let Some(manifest) = &self.manifest else { return };
        let ours = &manifest.trackscribe;
        if ours.sha256 != hex::encode(Sha256::digest(bytes)) || ours.size_bytes != bytes.len() as u64 {
            self.problems
                .push("digest or size in the manifest is not the file's".to_owned());
        }
    }

    /// The worst distance of a packet from its place, relative to the first one, in milliseconds.
    pub fn worst_displacement_ms(&self) -> f64 {
        let Some(first) = self.placed.first() else { return 0.0 };
        let distances = self.placed.iter().map(|packet| {
            let expected = (packet.number - first.number) * PACKET_SAMPLES;
            (packet.position - first.position - expected).abs()
        });
        distances.max().unwrap_or_default() as f64 / 48.0
    }

    /// Packets that are in the file twice or behind a later one.
    pub fn repeated(&self) -> usize {
        self.placed
            .windows(2)
            .filter(|pair| pair[1].number <= pair[0].number)
            .count()
    }

    /// How late each packet is by the manifest's clock, in milliseconds after it was sent.
    pub fn delays_ms(&self, sent: &Sent) -> Vec<f64> {
        let Some(manifest) = &self.manifest else {
            return Vec::new();
        };
        let fit = manifest.trackscribe.clock.fit;
        let delay_ms = |packet: &Placed| {
            let base_ns = fit.a_ns.0 - sent.wall_ns_of(packet.number);
            (base_ns as f64 + fit.b_ns * packet.position as f64) / 1e6
        };
        self.placed.iter().map(delay_ms).collect()
    }
}
