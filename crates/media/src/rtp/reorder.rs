//! Waiting for packets that are late, but not for ever.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::RtpPacket;

/// A sequence number further off than this belongs to another source: at 50 packets a second it is a minute away, and
/// the server can repeat only the last 200.
pub const MAX_SEQUENCE_JUMP: u64 = 3000;

/// Packets held at most; beyond, the oldest goes whatever it waits for.
const MAX_WAITING: usize = 3000;

/// Hands out packets by sequence number, each at most once. A hole is waited for until the packet behind it is
/// `wait` old; the first packet until `initial_hold` has passed, since it may have overtaken others.
///
/// A recorder has no playout deadline, but a NACK is repeated for about a second at most, so that longer waits gain
/// nothing.
#[derive(Debug)]
pub struct ReorderBuffer {
    wait: Duration,
    initial_hold: Duration,
    waiting: BTreeMap<u64, RtpPacket>,
    progress: Progress,
}

/// A packet whose turn has come.
#[derive(Clone, Debug)]
pub struct Released {
    pub packet: RtpPacket,
    /// Packets that never came, directly before this one.
    pub lost_before: u64,
}

/// What became of a pushed packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    Waiting,
    /// Its place has been given up.
    Late,
    Duplicate,
}

#[derive(Debug)]
enum Progress {
    Empty,
    /// The first packets are there, but none was handed out.
    Holding {
        since: Instant,
    },
    Running {
        next: u64,
    },
}

impl ReorderBuffer {
    pub fn new(wait: Duration, initial_hold: Duration) -> Self {
        Self {
            wait,
            initial_hold,
            waiting: BTreeMap::new(),
            progress: Progress::Empty,
        }
    }

    pub fn push(&mut self, packet: RtpPacket) -> Pushed {
        match self.progress {
            Progress::Empty => self.progress = Progress::Holding { since: packet.arrival },
            Progress::Running { next } if packet.seq_no < next => return Pushed::Late,
            Progress::Holding { .. } | Progress::Running { .. } => {}
        }
        if self.waiting.contains_key(&packet.seq_no) {
            return Pushed::Duplicate;
        }
        self.waiting.insert(packet.seq_no, packet);
        Pushed::Waiting
    }

    /// The next packet, if it need not wait any longer at `now`.
    pub fn pop(&mut self, now: Instant) -> Option<Released> {
        let due = self.waiting.len() > MAX_WAITING || self.deadline().is_some_and(|deadline| deadline <= now);
        if due || self.has_next() {
            self.pop_waiting()
        } else {
            None
        }
    }

    /// The next packet, whatever it waits for.
    pub fn pop_waiting(&mut self) -> Option<Released> {
        let (seq_no, packet) = self.waiting.pop_first()?;
        let lost_before = match self.progress {
            Progress::Running { next } => seq_no.saturating_sub(next),
            Progress::Empty | Progress::Holding { .. } => 0,
        };
        self.progress = Progress::Running {
            next: seq_no.saturating_add(1),
        };
        Some(Released { packet, lost_before })
    }

    /// When [`pop`](Self::pop) will give something though no packet comes.
    pub fn deadline(&self) -> Option<Instant> {
        let (_, first) = self.waiting.first_key_value()?;
        match self.progress {
            Progress::Empty => None,
            Progress::Holding { since } => Some(since + self.initial_hold),
            Progress::Running { .. } => Some(first.arrival + self.wait),
        }
    }

    /// Whether `seq_no` is so far back that it cannot be a late packet of this source.
    pub fn is_far_behind(&self, seq_no: u64) -> bool {
        match self.progress {
            Progress::Running { next } => next.saturating_sub(seq_no) > MAX_SEQUENCE_JUMP,
            Progress::Empty | Progress::Holding { .. } => false,
        }
    }

    /// Forgets the numbers of the source so far. What still waits is dropped: pop it before.
    pub fn restart(&mut self) {
        self.waiting.clear();
        self.progress = Progress::Empty;
    }

    fn has_next(&self) -> bool {
        match (&self.progress, self.waiting.first_key_value()) {
            (Progress::Running { next }, Some((first, _))) => next == first,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    const WAIT: Duration = Duration::from_millis(500);
    const HOLD: Duration = Duration::from_millis(100);

    struct Bench {
        start: Instant,
        buffer: ReorderBuffer,
    }

    impl Bench {
        fn new() -> Self {
            Self {
                start: Instant::now(),
                buffer: ReorderBuffer::new(WAIT, HOLD),
            }
        }

        fn at(&self, ms: u64) -> Instant {
            self.start + Duration::from_millis(ms)
        }

        fn push(&mut self, seq_no: u64, ms: u64) -> Pushed {
            let arrival = self.at(ms);
            self.buffer.push(RtpPacket {
                ssrc: 1,
                seq_no,
                timestamp: 0,
                arrival,
                payload: Bytes::new(),
            })
        }

        /// Sequence number and losses of everything that is due.
        fn pop_all(&mut self, ms: u64) -> Vec<(u64, u64)> {
            let now = self.at(ms);
            std::iter::from_fn(|| self.buffer.pop(now))
                .map(|r| (r.packet.seq_no, r.lost_before))
                .collect()
        }
    }

    #[test]
    fn the_first_packets_are_held_since_they_may_have_overtaken_others() {
        let mut bench = Bench::new();

        bench.push(8, 0);
        bench.push(7, 30);

        assert_eq!(bench.pop_all(99), []);
        assert_eq!(bench.buffer.deadline(), Some(bench.at(100)));
        assert_eq!(bench.pop_all(100), [(7, 0), (8, 0)]);
    }

    #[test]
    fn a_hole_is_filled_by_a_packet_that_comes_in_time() {
        let mut bench = Bench::new();
        bench.push(1, 0);
        bench.pop_all(100);

        bench.push(3, 120);
        let before = bench.pop_all(619);
        bench.push(2, 619);

        assert_eq!(before, []);
        assert_eq!(bench.pop_all(619), [(2, 0), (3, 0)]);
    }

    #[test]
    fn a_hole_is_given_up_when_the_packet_behind_it_has_waited_long_enough() {
        let mut bench = Bench::new();
        bench.push(1, 0);
        bench.pop_all(100);

        bench.push(4, 120);
        bench.push(5, 140);

        assert_eq!(bench.buffer.deadline(), Some(bench.at(620)));
        assert_eq!(bench.pop_all(620), [(4, 2), (5, 0)]);
        assert_eq!(bench.push(2, 630), Pushed::Late);
    }

    #[test]
    fn a_packet_that_came_twice_is_handed_out_once() {
        let mut bench = Bench::new();
        bench.push(1, 0);

        assert_eq!(bench.push(1, 5), Pushed::Duplicate);
        assert_eq!(bench.pop_all(100), [(1, 0)]);
    }

    #[test]
    fn numbers_a_minute_back_belong_to_another_source() {
        let mut bench = Bench::new();
        bench.push(10_000, 0);
        bench.pop_all(100);

        assert!(bench.buffer.is_far_behind(7000));
        assert!(!bench.buffer.is_far_behind(7001));
    }

    #[test]
    fn a_flood_behind_a_hole_does_not_grow_without_end() {
        let mut bench = Bench::new();
        bench.push(0, 0);
        bench.pop_all(100);

        for seq_no in 2..10_000 {
            bench.push(seq_no, 100);
            bench.pop_all(100);
        }

        assert!(bench.buffer.waiting.len() <= MAX_WAITING);
    }

    #[test]
    fn the_highest_number_there_is_does_no_harm() {
        let mut bench = Bench::new();
        bench.push(u64::MAX, 0);

        assert_eq!(bench.pop_all(100), [(u64::MAX, 0)]);
        assert!(bench.buffer.is_far_behind(0));
    }
}
