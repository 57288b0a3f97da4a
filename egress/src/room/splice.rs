//! Joins the packets of two connections that carry the same track to one stream, without a seam. Pure.
//!
//! livekit-server numbers packets and chooses SSRCs for each subscription anew. But it sends the same payloads, and a packet
//! that both connections have delivered shows how the numbers of one become those of the other. From then on what one
//! connection lacks is taken from the other, and what comes twice is dropped.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use rtc::{RtpPacket, SenderReport, SeqNo, Ssrc};

/// Packets that are remembered for comparison: three seconds.
const REMEMBERED: usize = 150;

/// Packets of the candidate that wait for one that both have delivered: two seconds.
const MAX_PENDING: usize = 100;

/// How long they wait. Both connections deliver a packet within milliseconds; on a busy machine a socket is read later.
pub(super) const PENDING_TIMEOUT: Duration = Duration::from_millis(400);

/// A payload this long is not that of another packet by chance. Shorter ones are frames of silence, all alike, which are
/// the same packet only if their timestamps are the same, too.
const DISTINCT_BYTES: usize = 16;

/// How the numbers of one connection become those of the stream.
#[derive(Clone, Copy, Debug, Default)]
enum Shift {
    /// They are those of the stream.
    #[default]
    None,
    /// The next packet continues the stream, because nothing was sent since its last one.
    Next,
    By {
        from: Ssrc,
        to: Ssrc,
        seq_no: u64,
        timestamp: u32,
    },
}

/// The stream of one track.
#[derive(Debug, Default)]
pub(super) struct Splice {
    carrier: Shift,
    /// Of the connection that was the carrier before.
    retired: Shift,
    /// The newest packet of the stream.
    last: Option<Head>,
    /// The last packets of the stream, for as long as two connections are compared.
    recent: VecDeque<RtpPacket>,
    is_comparing: bool,
    /// What the candidate has delivered while it is not known how its numbers become those of the stream.
    pending: Vec<RtpPacket>,
}

#[derive(Clone, Copy, Debug)]
struct Head {
    ssrc: Ssrc,
    seq_no: SeqNo,
    arrival: Instant,
}

impl Splice {
    /// From now on another connection may deliver the track, too.
    pub fn compare(&mut self) {
        self.is_comparing = true;
    }

    /// Only the carrier delivers the track.
    pub fn rest(&mut self) {
        self.is_comparing = false;
        self.retired = Shift::None;
        self.recent.clear();
        self.pending.clear();
    }

    /// Forgets the stream: what the carrier delivers now is another one.
    pub fn start(&mut self) {
        *self = Self::default();
    }

    /// When the newest packet of the stream arrived.
    pub fn last_arrival(&self) -> Option<Instant> {
        self.last.map(|last| last.arrival)
    }

    /// A packet of the carrier. Returns it as one of the stream, unless the stream has it.
    pub fn carry(&mut self, packet: RtpPacket) -> Option<RtpPacket> {
        if let Shift::Next = self.carrier {
            self.carrier = self.last.map_or(Shift::None, |last| Shift::By {
                from: packet.ssrc,
                to: last.ssrc,
                seq_no: last.seq_no.0.wrapping_add(1).wrapping_sub(packet.seq_no.0),
                timestamp: 0,
            });
        }
        let shifted = self.carrier.apply(packet);
        self.accept(shifted)
    }

    /// A packet of the connection that was the carrier before.
    pub fn carry_late(&mut self, packet: RtpPacket) -> Option<RtpPacket> {
        let shifted = self.retired.apply(packet);
        self.accept(shifted)
    }

    /// A packet of the candidate. Once it is known how its numbers become those of the stream, it is the carrier; then
    /// returns what it has delivered and the stream lacks.
    pub fn offer(&mut self, packet: RtpPacket) -> Option<Vec<RtpPacket>> {
        if self.pending.len() < MAX_PENDING {
            self.pending.push(packet);
        }
        let shift = self.pending.iter().find_map(|packet| self.find(packet))?;
        self.retired = std::mem::replace(&mut self.carrier, shift);
        let pending = std::mem::take(&mut self.pending);
        Some(pending.into_iter().filter_map(|packet| self.carry(packet)).collect())
    }

    /// Whether the candidate has waited too long for a packet that both have delivered.
    pub fn is_overdue(&self, now: Instant) -> bool {
        let first = self.pending.first().map(|packet| packet.arrival);
        first.is_some_and(|at| now.saturating_duration_since(at) >= PENDING_TIMEOUT)
    }

    /// The candidate becomes the carrier, and its packets another stream. Returns those it has delivered.
    pub fn break_off(&mut self) -> Vec<RtpPacket> {
        let pending = std::mem::take(&mut self.pending);
        self.start();
        pending.into_iter().filter_map(|packet| self.carry(packet)).collect()
    }

    /// The candidate becomes the carrier. Nothing was sent on either connection, so its first packet continues the stream.
    pub fn continue_in_silence(&mut self) {
        self.retired = std::mem::replace(&mut self.carrier, Shift::Next);
        self.pending.clear();
    }

    /// A sender report of the carrier, as one about the stream.
    pub fn report(&self, report: SenderReport) -> SenderReport {
        match self.carrier {
            Shift::By {
                from, to, timestamp, ..
            } if from == report.ssrc => SenderReport {
                ssrc: to,
                rtp_timestamp: report.rtp_timestamp.wrapping_add(timestamp),
                ..report
            },
            _ => report,
        }
    }

    fn accept(&mut self, packet: RtpPacket) -> Option<RtpPacket> {
        let is_same = |known: &RtpPacket| known.ssrc == packet.ssrc && known.seq_no == packet.seq_no;
        if self.recent.iter().any(is_same) {
            return None;
        }
        let is_newer = |last: Head| last.ssrc != packet.ssrc || packet.seq_no > last.seq_no;
        if self.last.is_none_or(is_newer) {
            self.last = Some(Head {
                ssrc: packet.ssrc,
                seq_no: packet.seq_no,
                arrival: packet.arrival,
            });
        }
        if self.is_comparing {
            self.recent.push_back(packet.clone());
            if self.recent.len() > REMEMBERED {
                self.recent.pop_front();
            }
        }
        Some(packet)
    }

    /// Finds a packet of the candidate in the stream. Returns how its numbers become those of the stream.
    fn find(&self, packet: &RtpPacket) -> Option<Shift> {
        let ssrc = self.last?.ssrc;
        let same = || {
            let same = |known: &&RtpPacket| known.ssrc == ssrc && known.payload == packet.payload;
            self.recent.iter().filter(same)
        };
        let at_same_time = same().find(|known| known.timestamp == packet.timestamp);
        let only_one = || {
            let mut same = same().filter(|known| known.payload.len() >= DISTINCT_BYTES);
            same.next().filter(|_| same.next().is_none())
        };
        let known = at_same_time.or_else(only_one)?;
        Some(Shift::By {
            from: packet.ssrc,
            to: ssrc,
            seq_no: known.seq_no.0.wrapping_sub(packet.seq_no.0),
            timestamp: known.timestamp.wrapping_sub(packet.timestamp),
        })
    }
}

impl Shift {
    fn apply(self, packet: RtpPacket) -> RtpPacket {
        match self {
            Self::By {
                from,
                to,
                seq_no,
                timestamp,
            } if from == packet.ssrc => RtpPacket {
                ssrc: to,
                seq_no: SeqNo(packet.seq_no.0.wrapping_add(seq_no)),
                timestamp: packet.timestamp.wrapping_add(timestamp),
                ..packet
            },
            _ => packet,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    /// Packet `n` of a track, as a connection with this SSRC delivers it, whose numbers are `ahead` of the publisher's.
    fn packet(ssrc: u32, n: u32, ahead: u32) -> RtpPacket {
        RtpPacket {
            ssrc: Ssrc(ssrc),
            seq_no: SeqNo(u64::from(n + ahead)),
            timestamp: n * 960 + ahead * 7,
            marker: false,
            arrival: Instant::now(),
            payload: vec![n.to_le_bytes()[0]; 40].into(),
        }
    }

    fn outline(packets: impl IntoIterator<Item = RtpPacket>) -> Vec<(u32, u64, u32)> {
        let outline = |packet: RtpPacket| (packet.ssrc.0, packet.seq_no.0, packet.timestamp / 960);
        packets.into_iter().map(outline).collect()
    }

    /// A stream of packets 0 to 9 that one connection has delivered while another one was being opened.
    fn splice() -> Splice {
        let mut splice = Splice::default();
        splice.compare();
        for n in 0..10 {
            splice.carry(packet(1, n, 0));
        }
        splice
    }

    #[test]
    fn the_candidate_continues_the_numbers_of_the_carrier() {
        let mut splice = splice();

        let first = splice.offer(packet(2, 9, 500)).unwrap();
        let second = splice.carry(packet(2, 10, 500));

        assert!(first.is_empty(), "the stream has it");
        assert_eq!(outline(second), [(1, 10, 10)]);
    }

    #[test]
    fn what_one_connection_lacks_is_taken_from_the_other_and_what_comes_twice_is_dropped() {
        let mut splice = splice();
        // The candidate is ahead: its socket was read first.
        let early = [12, 13].map(|n| splice.offer(packet(2, n, 500)));
        splice.carry(packet(1, 10, 0));
        splice.carry(packet(1, 12, 0));

        let spliced = splice.offer(packet(2, 14, 500)).unwrap();
        let late = [11, 12, 13, 15].map(|n| splice.carry_late(packet(1, n, 0)));
        let again = splice.carry(packet(2, 15, 500));

        assert!(early.iter().all(Option::is_none));
        assert_eq!(outline(spliced), [(1, 13, 13), (1, 14, 14)]);
        assert_eq!(outline(late.into_iter().flatten()), [(1, 11, 11), (1, 15, 15)]);
        assert_eq!(outline(again), []);
    }

    #[test]
    fn a_third_connection_continues_the_numbers_of_the_first() {
        let mut splice = splice();
        splice.offer(packet(2, 9, 500));
        splice.rest();
        splice.compare();
        splice.carry(packet(2, 10, 500));

        splice.offer(packet(3, 10, 70_000));

        assert_eq!(outline(splice.carry(packet(3, 11, 70_000))), [(1, 11, 11)]);
    }

    #[test]
    fn frames_of_silence_are_compared_by_their_timestamps() {
        let silence = |ssrc, n, ahead| RtpPacket {
            payload: vec![0xf8, 0xff, 0xfe].into(),
            ..packet(ssrc, n, ahead)
        };
        let mut splice = Splice::default();
        splice.compare();
        for n in 0..10 {
            splice.carry(silence(1, n, 0));
        }

        let shifted = splice.offer(silence(2, 9, 500));
        let same = splice.offer(RtpPacket {
            timestamp: 9 * 960,
            ..silence(2, 9, 500)
        });

        assert!(shifted.is_none());
        assert!(same.is_some());
    }

    #[test]
    fn a_candidate_that_delivers_something_else_waits_and_then_becomes_another_stream() {
        let mut splice = splice();
        let first = packet(2, 100, 0);
        let begun = first.arrival;

        let offered = splice.offer(first);
        let overdue = [0, 399, 400].map(|ms| splice.is_overdue(begun + Duration::from_millis(ms)));
        let broken_off = splice.break_off();

        assert!(offered.is_none());
        assert_eq!(overdue, [false, false, true]);
        assert_eq!(outline(broken_off), [(2, 100, 100)]);
        assert_eq!(outline(splice.carry(packet(2, 101, 0))), [(2, 101, 101)]);
    }

    #[test]
    fn a_stream_that_was_silent_is_continued_without_a_lost_packet() {
        let mut splice = splice();
        splice.continue_in_silence();

        let next = splice.carry(packet(2, 5000, 0));

        assert_eq!(outline(next), [(1, 10, 5000)]);
    }

    #[test]
    fn sender_reports_are_shifted_like_packets() {
        let mut splice = splice();
        splice.offer(packet(2, 9, 500));
        let report = |ssrc, rtp_timestamp| SenderReport {
            ssrc: Ssrc(ssrc),
            rtp_timestamp,
            publisher_time: SystemTime::UNIX_EPOCH,
            arrival: Instant::now(),
        };

        let ours = splice.report(report(2, 960 + 3500));
        let unknown = splice.report(report(9, 1));

        assert_eq!((ours.ssrc, ours.rtp_timestamp), (Ssrc(1), 960));
        assert_eq!((unknown.ssrc, unknown.rtp_timestamp), (Ssrc(9), 1));
    }

    #[test]
    fn numbers_that_wrap_and_changes_of_the_ssrc_are_handled() {
        let mut splice = Splice::default();
        splice.compare();
        let highest = RtpPacket {
            seq_no: SeqNo(u64::MAX),
            timestamp: u32::MAX,
            ..packet(1, 7, 0)
        };
        splice.carry(highest);

        let spliced = splice.offer(packet(2, 7, 0));
        let wrapped = splice.carry(packet(2, 8, 0));
        let other_source = splice.carry(packet(3, 1, 0));

        assert!(spliced.is_some());
        assert_eq!(outline(wrapped), [(1, 0, 0)]);
        assert_eq!(outline(other_source), [(3, 1, 1)]);
    }

    #[test]
    fn memory_is_bounded() {
        let mut splice = splice();

        for n in 0..400 {
            splice.carry(packet(1, n, 0));
            splice.offer(RtpPacket {
                payload: vec![1].into(),
                ..packet(2, n, 3)
            });
        }

        assert!(splice.recent.len() <= REMEMBERED && splice.pending.len() <= MAX_PENDING);
    }
}
