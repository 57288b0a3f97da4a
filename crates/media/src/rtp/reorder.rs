//! A jitter buffer: reorders packets and waits a limited time for late ones.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::{RtpPacket, SeqNo};

/// A sequence number further off than this belongs to another source: at 50 packets a second it is a minute away, and
/// the server can retransmit only the last 200.
pub const MAX_SEQUENCE_JUMP: u64 = 3000;

/// Most packets held. Beyond that the oldest is released, whatever is missing before it.
const MAX_BUFFERED: usize = 3000;

/// Releases packets in the order of their sequence numbers, each at most once.
///
/// A missing packet is waited for until the packet behind it is `wait` old. The first packet is held for
/// `initial_hold`, because it may have overtaken others. A recorder has no playout deadline, but a NACK is repeated for
/// about a second at most, so longer waits gain nothing.
#[derive(Debug)]
pub struct ReorderBuffer {
    wait: Duration,
    initial_hold: Duration,
    buffered: BTreeMap<SeqNo, RtpPacket>,
    progress: Progress,
}

/// A packet released in order.
#[derive(Clone, Debug)]
pub struct ReleasedPacket {
    /// The packet.
    pub packet: RtpPacket,
    /// How many packets directly before this one never arrived.
    pub lost_before: u64,
}

/// What [`ReorderBuffer::push`] did with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PushResult {
    /// The packet is in the buffer.
    Buffered,
    /// The packet was dropped: a later one has been released.
    Late,
    /// The packet was dropped: it is in the buffer already.
    Duplicate,
}

#[derive(Debug)]
enum Progress {
    Empty,
    /// Packets have arrived, and none has been released.
    Holding {
        since: Instant,
    },
    Running {
        next: SeqNo,
    },
}

impl ReorderBuffer {
    /// Creates an empty buffer.
    pub fn new(wait: Duration, initial_hold: Duration) -> Self {
        Self {
            wait,
            initial_hold,
            buffered: BTreeMap::new(),
            progress: Progress::Empty,
        }
    }

    /// Adds a packet, unless it is late or a duplicate.
    pub fn push(&mut self, packet: RtpPacket) -> PushResult {
        match self.progress {
            Progress::Empty => self.progress = Progress::Holding { since: packet.arrival },
            Progress::Running { next } if packet.seq_no < next => return PushResult::Late,
            Progress::Holding { .. } | Progress::Running { .. } => {}
        }
        if self.buffered.contains_key(&packet.seq_no) {
            return PushResult::Duplicate;
        }
        self.buffered.insert(packet.seq_no, packet);
        PushResult::Buffered
    }

    /// Releases the next packet if it need not wait any longer at `now`.
    pub fn pop(&mut self, now: Instant) -> Option<ReleasedPacket> {
        let is_due = self.buffered.len() > MAX_BUFFERED || self.deadline().is_some_and(|deadline| deadline <= now);
        if is_due || self.has_next() {
            self.force_pop()
        } else {
            None
        }
    }

    /// Releases the next packet without waiting for missing ones.
    pub fn force_pop(&mut self) -> Option<ReleasedPacket> {
        let (seq_no, packet) = self.buffered.pop_first()?;
        let lost_before = match self.progress {
            Progress::Running { next } => seq_no.distance_from(next),
            Progress::Empty | Progress::Holding { .. } => 0,
        };
        self.progress = Progress::Running { next: seq_no.next() };
        Some(ReleasedPacket { packet, lost_before })
    }

    /// Returns when [`pop`](Self::pop) will release a packet even if no other arrives; `None` if the buffer is empty.
    pub fn deadline(&self) -> Option<Instant> {
        let (_, first) = self.buffered.first_key_value()?;
        match self.progress {
            Progress::Empty => None,
            Progress::Holding { since } => Some(since + self.initial_hold),
            Progress::Running { .. } => Some(first.arrival + self.wait),
        }
    }

    /// Whether `seq_no` is more than [`MAX_SEQUENCE_JUMP`] behind, too far for a late packet of this source.
    pub fn is_far_behind(&self, seq_no: SeqNo) -> bool {
        match self.progress {
            Progress::Running { next } => next.distance_from(seq_no) > MAX_SEQUENCE_JUMP,
            Progress::Empty | Progress::Holding { .. } => false,
        }
    }

    /// Starts over for a new source. Buffered packets are dropped; release them before.
    pub fn reset(&mut self) {
        self.buffered.clear();
        self.progress = Progress::Empty;
    }

    fn has_next(&self) -> bool {
        match (&self.progress, self.buffered.first_key_value()) {
            (Progress::Running { next }, Some((first, _))) => next == first,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::rtp::Ssrc;

    const WAIT: Duration = Duration::from_millis(500);
    const HOLD: Duration = Duration::from_millis(100);

    struct Harness {
        start: Instant,
        buffer: ReorderBuffer,
    }

    impl Harness {
        fn new() -> Self {
            Self {
                start: Instant::now(),
                buffer: ReorderBuffer::new(WAIT, HOLD),
            }
        }

        fn at(&self, ms: u64) -> Instant {
            self.start + Duration::from_millis(ms)
        }

        fn push(&mut self, seq_no: u64, ms: u64) -> PushResult {
            let arrival = self.at(ms);
            self.buffer.push(RtpPacket {
                ssrc: Ssrc(1),
                seq_no: SeqNo(seq_no),
                timestamp: 0,
                arrival,
                payload: Bytes::new(),
            })
        }

        /// Pops all due packets as pairs of sequence number and losses.
        fn pop_all(&mut self, ms: u64) -> Vec<(u64, u64)> {
            let now = self.at(ms);
            std::iter::from_fn(|| self.buffer.pop(now))
                .map(|r| (r.packet.seq_no.0, r.lost_before))
                .collect()
        }
    }

    #[test]
    fn the_first_packets_are_held_because_they_may_have_overtaken_others() {
        let mut harness = Harness::new();

        harness.push(8, 0);
        harness.push(7, 30);

        assert_eq!(harness.pop_all(99), []);
        assert_eq!(harness.buffer.deadline(), Some(harness.at(100)));
        assert_eq!(harness.pop_all(100), [(7, 0), (8, 0)]);
    }

    #[test]
    fn a_late_packet_that_arrives_in_time_fills_its_gap() {
        let mut harness = Harness::new();
        harness.push(1, 0);
        harness.pop_all(100);

        harness.push(3, 120);
        let before = harness.pop_all(619);
        harness.push(2, 619);

        assert_eq!(before, []);
        assert_eq!(harness.pop_all(619), [(2, 0), (3, 0)]);
    }

    #[test]
    fn a_missing_packet_is_lost_once_the_packet_behind_it_has_waited_long_enough() {
        let mut harness = Harness::new();
        harness.push(1, 0);
        harness.pop_all(100);

        harness.push(4, 120);
        harness.push(5, 140);

        assert_eq!(harness.buffer.deadline(), Some(harness.at(620)));
        assert_eq!(harness.pop_all(620), [(4, 2), (5, 0)]);
        assert_eq!(harness.push(2, 630), PushResult::Late);
    }

    #[test]
    fn a_packet_that_arrives_twice_is_released_once() {
        let mut harness = Harness::new();
        harness.push(1, 0);

        assert_eq!(harness.push(1, 5), PushResult::Duplicate);
        assert_eq!(harness.pop_all(100), [(1, 0)]);
    }

    #[test]
    fn a_sequence_number_a_minute_behind_belongs_to_another_source() {
        let mut harness = Harness::new();
        harness.push(10_000, 0);
        harness.pop_all(100);

        assert!(harness.buffer.is_far_behind(SeqNo(7000)));
        assert!(!harness.buffer.is_far_behind(SeqNo(7001)));
    }

    #[test]
    fn a_flood_behind_a_missing_packet_does_not_grow_the_buffer_without_bound() {
        let mut harness = Harness::new();
        harness.push(0, 0);
        harness.pop_all(100);

        for seq_no in 2..10_000 {
            harness.push(seq_no, 100);
            harness.pop_all(100);
        }

        assert!(harness.buffer.buffered.len() <= MAX_BUFFERED);
    }

    #[test]
    fn the_highest_sequence_number_is_handled() {
        let mut harness = Harness::new();
        harness.push(u64::MAX, 0);

        assert_eq!(harness.pop_all(100), [(u64::MAX, 0)]);
        assert!(harness.buffer.is_far_behind(SeqNo(0)));
    }
}
