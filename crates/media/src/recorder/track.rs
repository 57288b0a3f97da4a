//! The recorder itself: what happens to a packet, in order.

use std::time::Instant;

use domain::SampleTime;
use domain::manifest::{Anchor, GapCause, PacketCounts};

use super::annotations::{Anchors, Mutes};
use super::journal_state::Scalars;
use super::muxer::{Muxer, OrderedPacket, WriteOutcome};
use super::timestamps::Continuity;
use super::{FirstPacket, MuteState, Output, RecorderConfig, Summary};
use crate::WallClock;
use crate::opus::{is_injected, packet_samples};
use crate::rtp::{MAX_SEQUENCE_JUMP, PushResult, ReleasedPacket, ReorderBuffer, RtpPacket, SenderReport, Ssrc};

/// Silence frames that the server sends when a track ends: 10 (0.2 s), plus one spare. When a track is muted it sends 50.
const MAX_CLOSING_FRAMES: usize = 11;

/// Silence injected after a pause of more than 1 s does not belong to the mute before.
const CLOSING_PAUSE: SampleTime = SampleTime::SECOND;

/// Records one track.
///
/// RTP packets go in, pages of an Ogg/Opus file (RFC 3533, RFC 7845) come out. Time passes only by the instants that
/// the methods are given. After each call of a `handle_…` method and of [`finish`](Self::finish), call
/// [`poll_output`](Self::poll_output) until it returns [`Output::Wait`], [`Output::Idle`] or [`Output::Done`].
///
/// ```
/// use std::time::{Duration, Instant};
///
/// use bytes::Bytes;
/// use domain::{SampleTime, UnixNanos};
/// use media::rtp::{SeqNo, Ssrc};
/// use media::{Output, RecorderConfig, RtpPacket, TrackRecorder, WallClock};
///
/// let start = Instant::now();
/// let wall = WallClock { instant: start, unix_nanos: UnixNanos(1_800_000_000_000_000_000) };
/// let mut recorder = TrackRecorder::new(RecorderConfig::new(1, wall));
/// let mut file = Vec::new();
///
/// // one second of 20 ms packets
/// for n in 0..50 {
///     recorder.handle_packet(RtpPacket {
///         ssrc: Ssrc(7),
///         seq_no: SeqNo(u64::from(n)),
///         timestamp: n * 960,
///         arrival: start + Duration::from_millis(20) * n,
///         payload: Bytes::from_static(&[0xf8, 0xff, 0xfe]), // an Opus frame of digital silence
///     });
///     while let Output::Page(page) = recorder.poll_output() {
///         file.extend_from_slice(&page);
///     }
/// }
///
/// recorder.finish(start + Duration::from_secs(1));
/// let summary = loop {
///     match recorder.poll_output() {
///         Output::Page(page) => file.extend_from_slice(&page),
///         Output::Done(summary) => break summary,
///         Output::Wait(_) | Output::Idle => unreachable!("the recorder is finished"),
///     }
/// };
///
/// assert!(file.starts_with(b"OggS"));
/// assert_eq!(summary.samples, SampleTime::SECOND);
/// assert_eq!(media::opus::probe(&file[..])?.packets, 50);
/// # Ok::<(), media::opus::StreamError>(())
/// ```
#[derive(Debug)]
pub struct TrackRecorder {
    pub(super) wall: WallClock,
    pub(super) now: Instant,
    /// What the journal has of the figures that replace each other.
    pub(super) journaled: Scalars,
    ssrc: Option<Ssrc>,
    reorder: ReorderBuffer,
    /// How the next packet relates to the one before.
    pub(super) continuity: Continuity,
    /// Packets lost since the last valid one.
    lost: u64,
    /// Silence injected by the server, held back because the track may have ended.
    closing: Vec<OrderedPacket>,
    /// The server has injected more silence than it does when a track ends.
    is_muted_by_server: bool,
    pub(super) muxer: Muxer,
    pub(super) mutes: Mutes,
    pub(super) anchors: Anchors,
    pub(super) counts: PacketCounts,
    pub(super) is_finished: bool,
}

impl TrackRecorder {
    /// Creates a recorder that has received nothing.
    pub fn new(config: RecorderConfig) -> Self {
        Self {
            wall: config.wall,
            now: config.wall.instant,
            journaled: Scalars::default(),
            ssrc: None,
            reorder: ReorderBuffer::new(config.reorder_wait, config.initial_hold),
            continuity: Continuity::SameSource,
            lost: 0,
            closing: Vec::new(),
            is_muted_by_server: false,
            muxer: Muxer::new(config),
            mutes: Mutes::default(),
            anchors: Anchors::default(),
            counts: PacketCounts::default(),
            is_finished: false,
        }
    }

    /// Handles a packet at its arrival. A packet with a new SSRC starts a new source, as after
    /// [`handle_reconnect`](Self::handle_reconnect).
    pub fn handle_packet(&mut self, packet: RtpPacket) {
        if self.is_finished {
            return;
        }
        self.advance(packet.arrival);
        if self.ssrc.is_some_and(|ssrc| ssrc != packet.ssrc) {
            self.start_source(Continuity::Reconnected);
        } else if self.reorder.is_far_behind(packet.seq_no) {
            self.start_source(Continuity::SequenceJump);
        }
        self.ssrc = Some(packet.ssrc);
        match self.reorder.push(packet) {
            PushResult::Buffered => self.release_due(),
            PushResult::Late => self.counts.late += 1,
            PushResult::Duplicate => self.counts.duplicate += 1,
        }
    }

    /// Records the publisher's clock. Reports of other sources, and those before the first packet, are ignored.
    pub fn handle_sender_report(&mut self, report: SenderReport) {
        let Some(sample) = self.muxer.timestamps.sample_of(report.rtp_timestamp) else {
            return;
        };
        let is_mapped = self.continuity < Continuity::Reconnected;
        if self.ssrc == Some(report.ssrc) && is_mapped && !self.is_finished {
            self.anchors.add(Anchor {
                sample,
                publisher_ns: report.publisher_time,
                arrival_ns: self.wall.unix_nanos_at(report.arrival),
            });
        }
    }

    /// Continues the file with packets of a new connection, whose SSRC and sequence numbers are unrelated. Nothing was
    /// heard since [`handle_lost`](Self::handle_lost), or else since the last packet.
    pub fn handle_reconnect(&mut self, now: Instant) {
        if !self.is_finished {
            self.advance(now);
            self.start_source(Continuity::Reconnected);
            self.ssrc = None;
            let muxer = &mut self.muxer;
            if let Some(sample) = muxer.timestamps.sample_at(now) {
                muxer.holes.open(muxer.pages.length(), GapCause::ConnectionLost);
                muxer.holes.close(sample);
            }
        }
    }

    /// Records a change of the track's mute state. It does not affect the audio: silence follows from timestamps alone.
    pub fn handle_mute(&mut self, now: Instant, state: MuteState) {
        if !self.is_finished {
            self.advance(now);
            self.release_due();
            self.mutes.add(state, self.muxer.timestamps.sample_at(now));
        }
    }

    /// Handles the instant of the last [`Output::Wait`].
    pub fn handle_timeout(&mut self, now: Instant) {
        if !self.is_finished {
            self.advance(now);
            self.release_due();
        }
    }

    /// Ends the recording. Packets that still wait for others are written; the server's closing silence is not.
    pub fn finish(&mut self, now: Instant) {
        if self.is_finished {
            return;
        }
        self.advance(now);
        self.release_all();
        self.counts.injected_dropped += self.closing.len() as u64;
        self.closing.clear();
        self.muxer.pages.finish();
        self.is_finished = true;
    }

    /// Returns the next page or, if there is none, what to wait for.
    pub fn poll_output(&mut self) -> Output {
        if let Some(page) = self.muxer.pages.next_page(self.now) {
            return Output::Page(page);
        }
        if self.is_finished {
            return Output::Done(self.summary());
        }
        let deadlines = [self.reorder.deadline(), self.muxer.pages.deadline()];
        deadlines.into_iter().flatten().min().map_or(Output::Idle, Output::Wait)
    }

    /// Returns the length of the recording so far, including what is not on a page yet.
    pub fn samples(&self) -> SampleTime {
        self.muxer.pages.length()
    }

    /// Returns what happened to the packets so far.
    pub fn counts(&self) -> PacketCounts {
        self.counts
    }

    /// Returns the packet at sample 0 once it is written.
    pub fn first_packet(&self) -> Option<FirstPacket> {
        self.muxer.first_packet()
    }

    pub(super) fn advance(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }

    fn start_source(&mut self, continuity: Continuity) {
        self.release_all();
        self.reorder.reset();
        self.continuity = self.continuity.max(continuity);
    }

    fn release_due(&mut self) {
        while let Some(released) = self.reorder.pop(self.now) {
            self.handle_released(released);
        }
    }

    pub(super) fn release_all(&mut self) {
        while let Some(released) = self.reorder.force_pop() {
            self.handle_released(released);
        }
    }

    /// Writes a packet whose turn has come, or holds it back if it may be closing silence.
    fn handle_released(&mut self, released: ReleasedPacket) {
        let Some(packet) = self.validate(released) else { return };
        if self.may_be_closing(&packet) {
            self.closing.push(packet);
            return;
        }
        self.is_muted_by_server = is_injected(&packet.payload);
        for held in std::mem::take(&mut self.closing) {
            self.write(held);
        }
        self.write(packet);
    }

    /// Returns the packet with what is known about it; `None` if it is not valid Opus.
    fn validate(&mut self, released: ReleasedPacket) -> Option<OrderedPacket> {
        let ReleasedPacket { packet, lost_before } = released;
        if lost_before > MAX_SEQUENCE_JUMP {
            self.continuity = self.continuity.max(Continuity::SequenceJump);
        } else {
            self.lost += lost_before;
            self.counts.lost += lost_before;
        }
        let Ok(samples) = packet_samples(&packet.payload) else {
            self.counts.malformed += 1;
            return None;
        };
        Some(OrderedPacket {
            timestamp: packet.timestamp,
            arrival: packet.arrival,
            payload: packet.payload,
            samples,
            continuity: std::mem::take(&mut self.continuity),
            lost_before: std::mem::take(&mut self.lost),
        })
    }

    /// Whether a packet may be part of the silence that the server injects when a track ends. Such packets are held back
    /// until another follows: the publisher did not send them, and after a publisher's crash their timestamps claim
    /// silence up to the moment at which the server noticed.
    fn may_be_closing(&self, packet: &OrderedPacket) -> bool {
        if !is_injected(&packet.payload) || self.closing.len() >= MAX_CLOSING_FRAMES {
            return false;
        }
        !self.is_muted_by_server || self.muxer.pause_before(packet) > CLOSING_PAUSE || !self.closing.is_empty()
    }

    fn write(&mut self, packet: OrderedPacket) {
        let count = match self.muxer.write(packet) {
            WriteOutcome::Written => &mut self.counts.written,
            WriteOutcome::Duplicate => &mut self.counts.duplicate,
            WriteOutcome::Overlapping => &mut self.counts.overlapping,
        };
        *count += 1;
    }

    fn summary(&self) -> Summary {
        Summary {
            samples: self.samples(),
            first_packet: self.first_packet(),
            clock: self.muxer.clock(self.anchors.list()),
            gaps: self.muxer.gaps.list(),
            mutes: self.mutes.list(self.samples()),
            counts: self.counts,
        }
    }
}
