//! The figures of the journal of which only the latest counts.

use domain::manifest::PacketCounts;
use domain::{SampleTime, UnixNanos};

use super::journal::{JournalEntry, JournalPacket};
use super::muxer::Muxer;
use super::timestamps::MappedPacket;
use crate::WallClock;

/// The figures that replace each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Scalars {
    listened_until: Option<UnixNanos>,
    samples: Option<SampleTime>,
    first: Option<JournalPacket>,
    last: Option<JournalPacket>,
    counts: Option<PacketCounts>,
}

impl Scalars {
    pub(super) fn of(muxer: &Muxer, counts: PacketCounts, listened_until: Option<UnixNanos>) -> Self {
        let packet = |packet: MappedPacket| journal_packet(packet, &muxer.config.wall);
        Self {
            listened_until,
            samples: Some(muxer.written()),
            first: muxer.timestamps.first().map(packet),
            last: muxer.timestamps.last().map(packet),
            counts: Some(counts),
        }
    }

    /// Takes new figures, and returns those that differ from the ones before.
    pub(super) fn replace(&mut self, new: Self) -> JournalEntry {
        let old = std::mem::replace(self, new);
        JournalEntry {
            listened_until_ns: changed(old.listened_until, new.listened_until),
            samples: changed(old.samples, new.samples),
            first: changed(old.first, new.first),
            last: changed(old.last, new.last),
            counts: changed(old.counts, new.counts),
            ..JournalEntry::default()
        }
    }
}

fn changed<T: PartialEq>(old: Option<T>, new: Option<T>) -> Option<T> {
    if old == new { None } else { new }
}

fn journal_packet(packet: MappedPacket, wall: &WallClock) -> JournalPacket {
    JournalPacket {
        rtp_timestamp: packet.timestamp,
        arrival_ns: wall.unix_nanos_at(packet.arrival),
        sample: packet.sample,
    }
}
