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
            self.carrier = self.continued_by(&packet);
        }
        let shifted = self.carrier.apply(packet);
        self.accept(shifted)
    }

    /// A packet of the connection that was the carrier before.
    pub fn carry_late(&mut self, packet: RtpPacket) -> Option<RtpPacket> {
        if let Shift::Next = self.retired {
            self.retired = self.continued_by(&packet);
        }
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

    /// Whether the candidate has delivered something that waits.
    pub fn is_pending(&self) -> bool {
        !self.pending.is_empty()
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

    /// The first packet of a connection after a silence. The other one may have delivered it already.
    fn continued_by(&self, packet: &RtpPacket) -> Shift {
        let after = |last: Head| Shift::By {
            from: packet.ssrc,
            to: last.ssrc,
            seq_no: last.seq_no.0.wrapping_add(1).wrapping_sub(packet.seq_no.0),
            timestamp: 0,
        };
        self.find(packet)
            .unwrap_or_else(|| self.last.map_or(Shift::None, after))
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
mod tests;
