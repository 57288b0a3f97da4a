//! The recorder itself: in which order things happen to a packet.

use std::time::Instant;

use domain::manifest::{Anchor, PacketCounts};

use super::annotations::{Anchors, Mutes};
use super::muxer::{Arrival, Assembly, Fate};
use super::timestamps::Continuity;
use super::{FirstPacket, MuteState, Output, RecorderConfig, Summary};
use crate::opus::{is_injected, packet_samples};
use crate::rtp::{MAX_SEQUENCE_JUMP, Pushed, Released, ReorderBuffer, RtpPacket, SenderReport};
use crate::{SAMPLE_RATE, WallClock};

/// Frames of silence that the server sends when a track ends: 0.2 s and one. At a mute it sends 50.
const MAX_CLOSING_FRAMES: usize = 11;

/// The server's silence after a pause of more than 1 s is not that of the mute before.
const CLOSING_PAUSE: i64 = SAMPLE_RATE as i64;

/// Records one track. Time only moves by the instants that it is given.
///
/// After each `handle_…` and after `finish` call [`poll_output`](Self::poll_output) until it gives `Wait`, `Idle` or
/// `Done`.
#[derive(Debug)]
pub struct TrackRecorder {
    wall: WallClock,
    now: Instant,
    ssrc: Option<u32>,
    reorder: ReorderBuffer,
    /// What the next packet will be to the one before.
    continuity: Continuity,
    /// Lost since the last packet that was Opus.
    lost: u64,
    /// The server's silence: perhaps the end, perhaps not.
    closing: Vec<Arrival>,
    /// The server's silence is longer than that of an end.
    is_muted_by_server: bool,
    assembly: Assembly,
    mutes: Mutes,
    anchors: Anchors,
    counts: PacketCounts,
    is_finished: bool,
}

impl TrackRecorder {
    pub fn new(config: RecorderConfig) -> Self {
        Self {
            wall: config.wall,
            now: config.wall.instant,
            ssrc: None,
            reorder: ReorderBuffer::new(config.reorder_wait, config.initial_hold),
            continuity: Continuity::SameSource,
            lost: 0,
            closing: Vec::new(),
            is_muted_by_server: false,
            assembly: Assembly::new(config),
            mutes: Mutes::default(),
            anchors: Anchors::default(),
            counts: PacketCounts::default(),
            is_finished: false,
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
        let Some(sample) = self.assembly.placement.sample_of(report.rtp_timestamp) else {
            return;
        };
        if self.ssrc == Some(report.ssrc) && !self.is_finished {
            let arrival_ns = self.wall.ns_at(report.arrival);
            let SenderReport { publisher_ns, .. } = report;
            self.anchors.add(Anchor {
                sample,
                publisher_ns,
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
            self.mutes.add(state, self.assembly.placement.sample_at(now));
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
        self.assembly.pages.finish();
        self.is_finished = true;
    }

    pub fn poll_output(&mut self) -> Output {
        if let Some(page) = self.assembly.pages.next_page(self.now) {
            return Output::Page(page);
        }
        if self.is_finished {
            return Output::Done(self.summary());
        }
        let deadlines = [self.reorder.deadline(), self.assembly.pages.deadline()];
        deadlines.into_iter().flatten().min().map_or(Output::Idle, Output::Wait)
    }

    /// Length of the recording so far, in samples at 48 kHz.
    pub fn samples(&self) -> u64 {
        self.assembly.pages.planned()
    }

    /// What came over the wire so far.
    pub fn counts(&self) -> PacketCounts {
        self.counts
    }

    /// The packet at sample 0, once it has its place.
    pub fn first_packet(&self) -> Option<FirstPacket> {
        self.assembly.first_packet()
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
        self.is_muted_by_server = is_injected(&arrival.payload);
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

    /// Whether this may be the silence that the server sends when a track ends. It is held back until something else
    /// follows: nobody sent it, and after a publisher's death its timestamps claim silence up to the moment at which the
    /// server noticed.
    fn may_be_closing(&self, arrival: &Arrival) -> bool {
        if !is_injected(&arrival.payload) || self.closing.len() >= MAX_CLOSING_FRAMES {
            return false;
        }
        !self.is_muted_by_server || self.assembly.pause_before(arrival) > CLOSING_PAUSE || !self.closing.is_empty()
    }

    fn write(&mut self, arrival: Arrival) {
        let count = match self.assembly.write(arrival) {
            Fate::Written => &mut self.counts.written,
            Fate::Repeated => &mut self.counts.duplicate,
            Fate::Overlapping => &mut self.counts.overlapping,
        };
        *count += 1;
    }

    fn summary(&self) -> Summary {
        Summary {
            samples: self.samples(),
            first_packet: self.first_packet(),
            clock: self.assembly.clock(self.anchors.list()),
            gaps: self.assembly.gaps.list(),
            mutes: self.mutes.list(self.samples()),
            counts: self.counts,
        }
    }
}
