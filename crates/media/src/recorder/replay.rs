//! Reads a journal back.

use domain::manifest::{Anchor, Gap, Mute, PacketCounts};
use domain::{SampleTime, UnixNanos};

use super::journal::{Hole, JournalEntry, JournalPacket, ListChange};
use crate::timeline::Point;

/// What the entries say together.
#[derive(Debug, Default)]
pub(super) struct Replay {
    pub(super) listened_until: Option<UnixNanos>,
    pub(super) samples: SampleTime,
    pub(super) first: Option<JournalPacket>,
    pub(super) last: Option<JournalPacket>,
    pub(super) points: Vec<Point>,
    pub(super) gaps: Vec<Gap>,
    pub(super) mutes: Vec<Mute>,
    pub(super) anchors: Vec<Anchor>,
    pub(super) holes: Vec<Hole>,
    pub(super) counts: PacketCounts,
    /// The lengths of the recording over time, ascending, and how many packets had been written then.
    counted: Vec<Counted>,
}

/// A number of packets that a file of this length contained.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counted {
    pub(super) samples: SampleTime,
    pub(super) written: u64,
}

impl Replay {
    /// Reads the entries. Those that contradict each other do no harm beyond what they describe.
    pub(super) fn of(journal: &[JournalEntry]) -> Self {
        let mut replay = Self::default();
        for entry in journal {
            replay.apply(entry);
        }
        replay
    }

    /// Returns the latest count of a length that is not beyond `length`.
    pub(super) fn counted_until(&self, length: SampleTime) -> Counted {
        let known = self.counted.iter().rev();
        known
            .copied()
            .find(|counted| counted.samples <= length)
            .unwrap_or_default()
    }

    fn apply(&mut self, entry: &JournalEntry) {
        self.listened_until = entry.listened_until_ns.or(self.listened_until);
        self.samples = entry.samples.unwrap_or(self.samples).max(SampleTime::ZERO);
        self.first = entry.first.or(self.first);
        self.last = entry.last.or(self.last);
        self.counts = entry.counts.unwrap_or(self.counts);
        self.points.extend(&entry.points);
        change(&mut self.gaps, entry.gaps.as_ref());
        change(&mut self.mutes, entry.mutes.as_ref());
        change(&mut self.anchors, entry.anchors.as_ref());
        if let Some(holes) = &entry.holes {
            self.holes.clone_from(holes);
        }
        self.count(entry);
    }

    /// A gap before a length that was counted means that the file was cut there and continued, so the count is void.
    fn count(&mut self, entry: &JournalEntry) {
        let new_gaps = entry.gaps.iter().flat_map(|gaps| &gaps.items);
        let valid_until = new_gaps.map(|gap| gap.start_sample).min().unwrap_or(self.samples);
        while self
            .counted
            .pop_if(|last| last.samples > valid_until.min(self.samples))
            .is_some()
        {}
        self.counted.push(Counted {
            samples: self.samples,
            written: self.counts.written,
        });
    }
}

fn change<T: Clone>(list: &mut Vec<T>, change: Option<&ListChange<T>>) {
    if let Some(change) = change {
        list.truncate(change.from);
        list.extend_from_slice(&change.items);
    }
}
