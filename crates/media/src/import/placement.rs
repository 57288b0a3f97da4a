//! Where a packet goes in the file.

use domain::SampleTime;

use super::ImportError;

/// A jump of the timestamps by less than this, 10 ms, is jitter: containers count in milliseconds, and some programs write
/// the time of arrival. A lost packet leaves at least 20 ms.
pub(super) const MIN_GAP: SampleTime = SampleTime(480);

/// Packets that start more than this, 60 ms, before the end of what is written are dropped.
const MAX_OVERLAP: SampleTime = SampleTime(2880);

/// After this many packets dropped in a row, half a second, the timestamps must have been set back, and the next packet is
/// appended.
const MAX_DROPPED_RUN: u32 = 25;

/// The longest recording, and the latest start: 25 h. Platforms stop after 24 h.
const MAX_LENGTH: SampleTime = SampleTime(25 * 3600 * SampleTime::SECOND.0);

/// What to do with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Placement {
    /// Write it.
    Append,
    /// Fill this length, then write it.
    AfterGap(SampleTime),
    /// It overlaps what is written.
    Drop,
}

/// Maps the timestamps of the container to positions in the file.
#[derive(Debug, Default)]
pub(super) struct Placer {
    /// The timestamp of sample 0 of the file.
    start: Option<SampleTime>,
    /// By how much later timestamps are moved, because they were set back.
    moved: SampleTime,
    dropped_run: u32,
}

impl Placer {
    /// Returns what to do with a packet at `timestamp` if `written` samples are in the file.
    ///
    /// # Errors
    /// The file would be longer than any recording.
    pub(super) fn place(&mut self, timestamp: SampleTime, written: SampleTime) -> Result<Placement, ImportError> {
        let start = *self.start.get_or_insert(timestamp);
        let position = timestamp - start + self.moved;
        if start.abs_diff(SampleTime::ZERO).max(position).max(written) > MAX_LENGTH {
            return Err(too_long(timestamp.max(start).max(written)));
        }
        let missing = position - written;
        if missing < SampleTime::ZERO - MAX_OVERLAP {
            return Ok(self.overlap(missing));
        }
        self.dropped_run = 0;
        Ok(if missing < MIN_GAP {
            Placement::Append
        } else {
            Placement::AfterGap(missing)
        })
    }

    /// Returns the timestamp of the first packet.
    pub(super) fn start(&self) -> Option<SampleTime> {
        self.start
    }

    fn overlap(&mut self, missing: SampleTime) -> Placement {
        if self.dropped_run < MAX_DROPPED_RUN {
            self.dropped_run += 1;
            return Placement::Drop;
        }
        self.moved = self.moved - missing;
        self.dropped_run = 0;
        Placement::Append
    }
}

fn too_long(at: SampleTime) -> ImportError {
    ImportError::TooLong {
        at_s: at.0 / SampleTime::SECOND.0,
        limit_s: MAX_LENGTH.0 / SampleTime::SECOND.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: i64) -> SampleTime {
        SampleTime(ms * 48)
    }

    #[test]
    fn jitter_is_ignored_and_does_not_accumulate() {
        let mut placer = Placer::default();

        let placements: Vec<_> = [0, 21, 39, 69, 80]
            .iter()
            .enumerate()
            .map(|(n, &at)| placer.place(ms(5_000 + at), ms(20 * n as i64)).unwrap())
            .collect();

        assert_eq!(placements, [Placement::Append; 5]);
        assert_eq!(placer.start(), Some(ms(5_000)));
    }

    #[test]
    fn a_jump_is_a_gap() {
        let mut placer = Placer::default();
        placer.place(ms(300), ms(0)).unwrap();

        let placement = placer.place(ms(1_340), ms(20)).unwrap();

        assert_eq!(placement, Placement::AfterGap(ms(1_020)));
    }

    #[test]
    fn overlapping_packets_are_dropped_unless_the_timestamps_were_set_back() {
        let mut placer = Placer::default();
        placer.place(ms(0), ms(0)).unwrap();

        for _ in 0..MAX_DROPPED_RUN {
            assert_eq!(placer.place(ms(0), ms(1_000)).unwrap(), Placement::Drop);
        }

        assert_eq!(placer.place(ms(500), ms(1_000)).unwrap(), Placement::Append);
        assert_eq!(placer.place(ms(520), ms(1_020)).unwrap(), Placement::Append);
        assert_eq!(
            placer.place(ms(1_520), ms(1_040)).unwrap(),
            Placement::AfterGap(ms(980))
        );
    }

    #[test]
    fn no_file_is_longer_than_a_day() {
        let far = SampleTime(i64::MAX);

        assert!(Placer::default().place(far, ms(0)).is_err());
        assert!(Placer::default().place(SampleTime(i64::MIN), ms(0)).is_err());
        let mut placer = Placer::default();
        placer.place(ms(0), ms(0)).unwrap();
        assert!(placer.place(ms(26 * 3_600_000), ms(20)).is_err());
        assert!(placer.place(ms(0), ms(26 * 3_600_000)).is_err());
    }
}
