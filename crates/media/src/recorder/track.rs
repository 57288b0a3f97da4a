//! The recorder itself: in which order things happen to a packet.

use std::time::Instant;

use bytes::Bytes;
use domain::manifest::{Anchor, Fit, Gap, GapCause, ManifestClock, PacketCounts};

use super::notes::{Anchors, Gaps, Mutes};
use super::pages::Pages;
use super::placement::{Basis, Continuity, Place, Placement};
use super::{FirstPacket, MuteState, Output, RecorderConfig, Summary};
use crate::opus::{Filler, FillerKind, Toc, is_injected, packet_samples};
use crate::rtp::{MAX_SEQUENCE_JUMP, Pushed, Released, ReorderBuffer, RtpPacket, SenderReport};
use crate::timeline::{Envelope, Point, fit};
use crate::{SAMPLE_RATE, WallClock};

/// Loss is concealed by the decoder up to 100 ms; beyond, it would only drone on.
const MAX_CONCEALED: u64 = 4800;

/// Packets that come this much too early for what is written, 60 ms, are dropped; smaller overlaps are written and
/// repaid by the next silence.
const MAX_OVERLAP: i64 = 2880;

/// After this many dropped in a row, half a second, the timestamps must be wrong: the file goes on where it is.
const MAX_OVERLAPPING_RUN: u32 = 25;

/// Frames of silence that the server sends when a publisher is gone: 0.2 s and one.
const MAX_CLOSING_FRAMES: usize = 11;

/// A publisher is held for gone if the server's silence follows a pause of more than 1 s.
const CLOSING_PAUSE: i64 = SAMPLE_RATE as i64;

/// Records one track. Time only moves by the instants that it is given.
///
/// After each `handle_…` and after `finish` call [`poll_output`](Self::poll_output) until it gives `Wait`, `Idle` or
/// `Done`.
#[derive(Debug)]
pub struct TrackRecorder {
    config: RecorderConfig,
    now: Instant,
    ssrc: Option<u32>,
    reorder: ReorderBuffer,
    /// What the next packet will be to the one before.
    continuity: Continuity,
    /// Lost since the last packet that was placed.
    lost: u64,
    /// The server's silence after a pause: perhaps the end, perhaps not.
    closing: Vec<Arrival>,
    placement: Placement,
    /// Packets of the new connection may repeat those of the old one.
    may_repeat: bool,
    overlapping_run: u32,
    last_toc: Option<Toc>,
    pages: Pages,
    envelope: Envelope,
    gaps: Gaps,
    mutes: Mutes,
    anchors: Anchors,
    counts: PacketCounts,
    is_finished: bool,
}

/// A packet in its order, known to be Opus.
#[derive(Debug)]
struct Arrival {
    timestamp: u32,
    at: Instant,
    payload: Bytes,
    samples: u32,
    continuity: Continuity,
    lost_before: u64,
}

impl TrackRecorder {
    pub fn new(config: RecorderConfig) -> Self {
        Self {
            now: config.wall.instant,
            ssrc: None,
            reorder: ReorderBuffer::new(config.reorder_wait, config.initial_hold),
            continuity: Continuity::SameSource,
            lost: 0,
            closing: Vec::new(),
            placement: Placement::default(),
            may_repeat: false,
            overlapping_run: 0,
            last_toc: None,
            pages: Pages::new(config.serial),
            envelope: Envelope::default(),
            gaps: Gaps::default(),
            mutes: Mutes::default(),
            anchors: Anchors::default(),
            counts: PacketCounts::default(),
            is_finished: false,
            config,
        }
    }

    /// Takes a packet at its arrival. One of another SSRC than before begins a new source, as after
    /// [`handle_reconnect`](Self::handle_reconnect).
    pub fn handle_packet(&mut self, packet: RtpPacket) {
        if self.is_finished {
            return;
        }
        self.advance(packet.arrival);
        if self.ssrc.is_some_and(|ssrc| ssrc != packet.ssrc) {
            self.begin_source(Continuity::Reconnected);
        } else if self.reorder.is_far_behind(packet.seq_no) {
            self.begin_source(Continuity::JumpedNumbers);
        }
        self.ssrc = Some(packet.ssrc);
        match self.reorder.push(packet) {
            Pushed::Waiting => self.release_due(),
            Pushed::Late => self.counts.late += 1,
            Pushed::Duplicate => self.counts.duplicate += 1,
        }
    }

    /// Notes what the publisher believes the time is. Reports of other sources, and before the first packet, are
    /// ignored.
    pub fn handle_sender_report(&mut self, report: SenderReport) {
        let Some(sample) = self.placement.sample_of(report.rtp_timestamp) else {
            return;
        };
        if self.ssrc == Some(report.ssrc) && !self.is_finished {
            let arrival_ns = self.config.wall.ns_at(report.arrival);
            self.anchors.add(Anchor {
                sample,
                publisher_ns: report.publisher_ns,
                arrival_ns,
            });
        }
    }

    /// The packets to come are those of a new connection: SSRC and sequence numbers are unrelated, the file goes on.
    pub fn handle_reconnect(&mut self, now: Instant) {
        if !self.is_finished {
            self.advance(now);
            self.begin_source(Continuity::Reconnected);
            self.ssrc = None;
        }
    }

    /// Notes what the platform says. Silence is written by timestamps alone.
    pub fn handle_mute(&mut self, now: Instant, state: MuteState) {
        if !self.is_finished {
            self.advance(now);
            self.release_due();
            self.mutes.add(state, self.placement.sample_at(now));
        }
    }

    /// The instant of the last `Wait` has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        if !self.is_finished {
            self.advance(now);
            self.release_due();
        }
    }

    /// Ends the recording: what waits is written, the server's closing silence is not.
    pub fn finish(&mut self, now: Instant) {
        if self.is_finished {
            return;
        }
        self.advance(now);
        self.release_all();
        self.counts.injected_dropped += self.closing.len() as u64;
        self.closing.clear();
        self.pages.finish();
        self.is_finished = true;
    }

    pub fn poll_output(&mut self) -> Output {
        if let Some(page) = self.pages.next_page(self.now) {
            return Output::Page(page);
        }
        if self.is_finished {
            return Output::Done(self.summary());
        }
        let deadlines = [self.reorder.deadline(), self.pages.deadline()];
        deadlines.into_iter().flatten().min().map_or(Output::Idle, Output::Wait)
    }

    /// Length of the recording so far, in samples at 48 kHz.
    pub fn samples(&self) -> u64 {
        self.pages.planned()
    }

    /// What came over the wire so far.
    pub fn counts(&self) -> PacketCounts {
        self.counts
    }

    /// The packet at sample 0, once it has its place.
    pub fn first_packet(&self) -> Option<FirstPacket> {
        self.placement.first_packet(self.config.wall)
    }

    fn advance(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }

    fn begin_source(&mut self, continuity: Continuity) {
        self.release_all();
        self.reorder.restart();
        self.continuity = continuity;
    }

    fn release_due(&mut self) {
        while let Some(released) = self.reorder.pop(self.now) {
            self.release(released);
        }
    }

    fn release_all(&mut self) {
        while let Some(released) = self.reorder.pop_waiting() {
            self.release(released);
        }
    }

    /// A packet's turn has come.
    fn release(&mut self, released: Released) {
        let Some(arrival) = self.arrival(released) else { return };
        if self.may_be_closing(&arrival) {
            self.closing.push(arrival);
            return;
        }
        for held in std::mem::take(&mut self.closing) {
            self.write(held);
        }
        self.write(arrival);
    }

    /// The packet with what is known about it; none if it is not Opus.
    fn arrival(&mut self, released: Released) -> Option<Arrival> {
        let Released { packet, lost_before } = released;
        if lost_before > MAX_SEQUENCE_JUMP {
            self.continuity = self.continuity.max(Continuity::JumpedNumbers);
        } else {
            self.lost += lost_before;
            self.counts.lost += lost_before;
        }
        let Ok(samples) = packet_samples(&packet.payload) else {
            self.counts.malformed += 1;
            return None;
        };
        Some(Arrival {
            timestamp: packet.timestamp,
            at: packet.arrival,
            payload: packet.payload,
            samples,
            continuity: std::mem::take(&mut self.continuity),
            lost_before: std::mem::take(&mut self.lost),
        })
    }

    /// Whether this is the silence that the server sends after a publisher's end. It is held back until a real packet
    /// follows: its timestamps claim silence up to the moment at which the server noticed.
    fn may_be_closing(&self, arrival: &Arrival) -> bool {
        if !is_injected(&arrival.payload) || self.closing.len() >= MAX_CLOSING_FRAMES {
            return false;
        }
        !self.closing.is_empty() || self.pages.planned() == 0 || self.pause_before(arrival) > CLOSING_PAUSE
    }

    fn pause_before(&self, arrival: &Arrival) -> i64 {
        self.place(arrival).sample.saturating_sub(self.written())
    }

    fn place(&self, arrival: &Arrival) -> Place {
        self.placement
            .place(arrival.timestamp, arrival.at, arrival.continuity, self.written())
    }

    /// Puts a packet where it belongs, with a filler before it if need be.
    fn write(&mut self, arrival: Arrival) {
        let mut place = self.place(&arrival);
        self.may_repeat |= arrival.continuity == Continuity::Reconnected && place.basis == Basis::Timestamp;
        let overlap = self.written().saturating_sub(place.sample);
        if self.is_repetition(&arrival, overlap) {
            self.counts.duplicate += 1;
            self.placement.accept(arrival.timestamp, arrival.at, place.sample);
            return;
        }
        if overlap > MAX_OVERLAP {
            self.overlapping_run += 1;
            if self.overlapping_run <= MAX_OVERLAPPING_RUN {
                self.counts.overlapping += 1;
                self.placement.accept(arrival.timestamp, arrival.at, place.sample);
                return;
            }
            place.sample = self.written();
        }
        self.append(arrival, place);
    }

    fn is_repetition(&self, arrival: &Arrival, overlap: i64) -> bool {
        self.may_repeat && overlap >= i64::from(arrival.samples / 2)
    }

    fn append(&mut self, arrival: Arrival, place: Place) {
        if self.pages.planned() == 0 {
            self.pages.begin(&self.config);
        }
        self.placement.accept(arrival.timestamp, arrival.at, place.sample);
        self.fill_up_to(&arrival, place);
        self.note_delay(&arrival, place);
        self.may_repeat = false;
        self.overlapping_run = 0;
        self.last_toc = arrival.payload.first().map(|&toc| Toc(toc));
        self.counts.written += 1;
        self.pages.packet(arrival.payload, arrival.samples);
    }

    fn fill_up_to(&mut self, arrival: &Arrival, place: Place) {
        let missing = u64::try_from(place.sample.saturating_sub(self.written())).unwrap_or(0);
        if missing < Filler::GRAIN {
            return;
        }
        let cause = gap_cause(arrival, place.basis);
        let start_sample = self.pages.planned();
        let samples = self.pages.fill(Filler::new(self.filler_kind(cause, missing), missing));
        self.gaps.add(Gap {
            start_sample,
            samples,
            cause,
            lost_packets: arrival.lost_before,
        });
    }

    fn filler_kind(&self, cause: GapCause, missing: u64) -> FillerKind {
        match (cause, self.last_toc) {
            (GapCause::Loss, Some(toc)) if missing <= MAX_CONCEALED => FillerKind::Concealment(toc),
            _ => FillerKind::Silence,
        }
    }

    /// Remembers when the last sample of the packet had arrived. The server's frames run ahead of the publisher's and
    /// would falsify the line.
    fn note_delay(&mut self, arrival: &Arrival, place: Place) {
        if !is_injected(&arrival.payload) {
            let sample = place.sample.saturating_add(i64::from(arrival.samples));
            self.envelope.add(Point {
                sample,
                arrival_ns: self.wall().ns_at(arrival.at),
            });
        }
    }

    fn written(&self) -> i64 {
        i64::try_from(self.pages.planned()).unwrap_or(i64::MAX)
    }

    fn wall(&self) -> WallClock {
        self.config.wall
    }

    fn summary(&self) -> Summary {
        let first_packet = self.first_packet();
        Summary {
            samples: self.samples(),
            first_packet,
            clock: first_packet.map(|first| self.clock(first)),
            gaps: self.gaps.list(),
            mutes: self.mutes.list(self.samples()),
            counts: self.counts,
        }
    }

    fn clock(&self, first: FirstPacket) -> ManifestClock {
        let by_first_packet = Fit {
            a_ns: first.arrival_ns,
            b_ns: 1e9 / f64::from(SAMPLE_RATE),
        };
        ManifestClock {
            first_rtp_timestamp: first.rtp_timestamp,
            first_arrival_ns: first.arrival_ns,
            fit: fit(self.envelope.points()).unwrap_or(by_first_packet),
            anchors: self.anchors.list(),
        }
    }
}

fn gap_cause(arrival: &Arrival, basis: Basis) -> GapCause {
    match (arrival.continuity, basis) {
        (Continuity::Reconnected, _) => GapCause::ConnectionLost,
        (_, Basis::Arrival) => GapCause::TimestampJump,
        (_, Basis::Timestamp) if arrival.lost_before > 0 => GapCause::Loss,
        (_, Basis::Timestamp) => GapCause::Silence,
    }
}
