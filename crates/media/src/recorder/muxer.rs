//! Writes packets at their positions, with fillers between them.

use std::time::Instant;

use bytes::Bytes;
use domain::SampleTime;
use domain::manifest::{Anchor, Fit, Gap, GapCause, ManifestClock};

use super::annotations::Gaps;
use super::holes::{Holes, Piece};
use super::pages::Pages;
use super::timestamps::{Basis, Continuity, Position, TimestampMapper};
use super::{FirstPacket, RecorderConfig};
use crate::SAMPLE_RATE;
use crate::opus::{Filler, FillerKind, Toc, is_injected};
use crate::timeline::{Envelope, Point, fit};

/// Losses of up to 100 ms are left to the decoder to conceal; concealment of longer ones would sound like a drone.
const MAX_CONCEALED: SampleTime = SampleTime(4800);

/// Packets that overlap what is written by more than this, 60 ms, are dropped. Smaller overlaps are written, and the next
/// silence is shortened accordingly.
const MAX_OVERLAP: SampleTime = SampleTime(2880);

/// The usual length of a packet, 20 ms.
const USUAL_PACKET: SampleTime = SampleTime(960);

/// After this many packets dropped in a row, half a second, the timestamps must be wrong, and the next packet is appended.
const MAX_DROPPED_RUN: u32 = 25;

/// A valid Opus packet whose turn in the sequence has come.
#[derive(Debug)]
pub(super) struct OrderedPacket {
    pub(super) timestamp: u32,
    pub(super) arrival: Instant,
    pub(super) payload: Bytes,
    pub(super) samples: u32,
    pub(super) continuity: Continuity,
    pub(super) lost_before: u64,
}

/// What happened to a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WriteOutcome {
    Written,
    /// Dropped: the connection before the reconnect had delivered it.
    Duplicate,
    /// Dropped: it overlaps what is written.
    Overlapping,
}

/// Builds the file from packets in order.
#[derive(Debug)]
pub(super) struct Muxer {
    pub(super) config: RecorderConfig,
    pub(super) timestamps: TimestampMapper,
    pub(super) pages: Pages,
    pub(super) envelope: Envelope,
    pub(super) gaps: Gaps,
    pub(super) holes: Holes,
    last_toc: Option<Toc>,
    /// The new connection may deliver packets that the old one had delivered.
    expects_duplicates: bool,
    dropped_run: u32,
}

impl Muxer {
    pub(super) fn new(config: RecorderConfig) -> Self {
        Self {
            pages: Pages::new(config.serial),
            timestamps: TimestampMapper::default(),
            envelope: Envelope::default(),
            gaps: Gaps::default(),
            holes: Holes::default(),
            last_toc: None,
            expects_duplicates: false,
            dropped_run: 0,
            config,
        }
    }

    /// Returns the length of the pause before a packet; negative if the packet overlaps what is written.
    pub(super) fn pause_before(&self, packet: &OrderedPacket) -> SampleTime {
        self.position(packet).sample - self.written()
    }

    /// Writes a packet at its position, unless that is taken.
    pub(super) fn write(&mut self, packet: OrderedPacket) -> WriteOutcome {
        let position = self.position(&packet);
        self.expects_duplicates |= packet.continuity >= Continuity::Reconnected && position.basis == Basis::Timestamp;
        match self.classify(&packet, position) {
            WriteOutcome::Written => self.append(packet, position),
            dropped if self.dropped_run < MAX_DROPPED_RUN => {
                self.dropped_run += 1;
                self.timestamps
                    .advance(packet.timestamp, packet.arrival, position.sample);
                return dropped;
            }
            WriteOutcome::Duplicate | WriteOutcome::Overlapping => {
                let at_end = Position {
                    sample: self.written(),
                    ..position
                };
                self.append(packet, at_end);
            }
        }
        WriteOutcome::Written
    }

    pub(super) fn first_packet(&self) -> Option<FirstPacket> {
        self.timestamps.first_packet(self.config.wall)
    }

    /// Returns how samples map to time; `None` before the first packet.
    pub(super) fn clock(&self, anchors: Vec<Anchor>) -> Option<ManifestClock> {
        let first = self.first_packet()?;
        let by_first_packet = Fit {
            a_ns: first.arrived_at,
            b_ns: 1e9 / f64::from(SAMPLE_RATE),
        };
        Some(ManifestClock {
            first_rtp_timestamp: first.rtp_timestamp,
            first_arrival_ns: first.arrived_at,
            fit: fit(self.envelope.points()).unwrap_or(by_first_packet),
            anchors,
        })
    }

    fn position(&self, packet: &OrderedPacket) -> Position {
        self.timestamps
            .position(packet.timestamp, packet.arrival, packet.continuity, self.written())
    }

    fn classify(&self, packet: &OrderedPacket, position: Position) -> WriteOutcome {
        let overlap = self.written() - position.sample;
        if self.expects_duplicates && overlap >= SampleTime(i64::from(packet.samples / 2)) {
            WriteOutcome::Duplicate
        } else if overlap > MAX_OVERLAP {
            WriteOutcome::Overlapping
        } else {
            WriteOutcome::Written
        }
    }

    fn append(&mut self, packet: OrderedPacket, position: Position) {
        if self.written() == SampleTime::ZERO {
            self.pages.begin(&self.config);
        }
        self.fill_gap_before(&packet, position);
        self.timestamps
            .advance(packet.timestamp, packet.arrival, position.sample);
        self.holes.clear();
        self.record_arrival(&packet, position);
        self.expects_duplicates = false;
        self.dropped_run = 0;
        self.last_toc = packet.payload.first().map(|&toc| Toc(toc));
        self.pages.push_packet(packet.payload, packet.samples);
    }

    fn fill_gap_before(&mut self, packet: &OrderedPacket, position: Position) {
        let missing = position.sample - self.written();
        if missing < Filler::GRAIN {
            return;
        }
        let natural = gap_cause(packet, position.basis);
        let mut lost_packets = packet.lost_before;
        let waited = self.timestamps.since_last(packet.arrival);
        let lost = lost_time(packet, missing, waited);
        for piece in self.holes.divide(self.written(), position.sample, natural, lost) {
            let is_lost = piece.cause != GapCause::Silence || natural == GapCause::Silence;
            let lost_packets = if is_lost { std::mem::take(&mut lost_packets) } else { 0 };
            self.fill(piece, lost_packets);
        }
    }

    fn fill(&mut self, piece: Piece, lost_packets: u64) {
        let start_sample = self.written();
        let missing = piece.end - start_sample;
        if missing < Filler::GRAIN {
            return;
        }
        let kind = self.filler_kind(piece.cause, missing);
        let samples = self.pages.push_filler(Filler::new(kind, missing));
        self.gaps.add(Gap {
            start_sample,
            samples,
            cause: piece.cause,
            lost_packets,
        });
    }

    fn filler_kind(&self, cause: GapCause, missing: SampleTime) -> FillerKind {
        match (cause, self.last_toc) {
            (GapCause::Loss, Some(toc)) if missing <= MAX_CONCEALED => FillerKind::Concealment(toc),
            _ => FillerKind::Silence,
        }
    }

    /// Records when the last sample of the packet had arrived. Frames injected by the server run ahead of the publisher's
    /// and would distort the line, so they are left out.
    fn record_arrival(&mut self, packet: &OrderedPacket, position: Position) {
        if !is_injected(&packet.payload) {
            self.envelope.add(Point {
                sample: position.sample + SampleTime(packet.samples.into()),
                arrival: self.config.wall.unix_nanos_at(packet.arrival),
            });
        }
    }

    pub(super) fn written(&self) -> SampleTime {
        self.pages.length()
    }
}

/// How much of a gap before a packet is known to be lost: by sequence numbers or, if they tell nothing, because the gap is
/// longer than the recorder has `waited` for a packet. Then the machine stood still, and what came before was read late.
fn lost_time(packet: &OrderedPacket, missing: SampleTime, waited: SampleTime) -> SampleTime {
    match packet.continuity {
        Continuity::SameSource => {
            let packets = i64::try_from(packet.lost_before).unwrap_or(i64::MAX);
            SampleTime(packets.saturating_mul(USUAL_PACKET.0)).min(missing)
        }
        // It is not known how many packets were skipped, so all of it may be.
        Continuity::SequenceJump => missing,
        Continuity::Reconnected | Continuity::Resumed => (missing - waited).max(SampleTime::ZERO),
    }
}

fn gap_cause(packet: &OrderedPacket, basis: Basis) -> GapCause {
    match (packet.continuity, basis) {
        (Continuity::Reconnected, _) => GapCause::ConnectionLost,
        (Continuity::Resumed, _) => GapCause::RecorderRestarted,
        (_, Basis::Arrival) => GapCause::TimestampJump,
        (Continuity::SequenceJump, Basis::Timestamp) => GapCause::Loss,
        (_, Basis::Timestamp) if packet.lost_before > 0 => GapCause::Loss,
        (_, Basis::Timestamp) => GapCause::Silence,
    }
}
