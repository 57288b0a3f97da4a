//! Intervals in which nothing was heard, until they are filled.

use domain::SampleTime;
use domain::manifest::GapCause;

use super::journal::Hole;

/// Times of the recorder are compared with positions of packets, and the recorder notes only once a second that it still
/// listens. So a rest of up to 1 s between a hole and a packet belongs to the hole.
const EDGE: SampleTime = SampleTime::SECOND;

/// The usual length of a packet, 20 ms.
const PACKET: SampleTime = SampleTime(960);

/// Most holes that wait to be filled. A connection that is lost every second for an hour makes this many.
const MAX_HOLES: usize = 4096;

/// The holes since the last packet, in order.
#[derive(Debug, Default)]
pub(super) struct Holes {
    list: Vec<Hole>,
    is_changed: bool,
}

/// A part of a gap: it ends at `end` and has one cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) end: SampleTime,
    pub(super) cause: GapCause,
}

impl Holes {
    pub(super) fn restore(list: Vec<Hole>) -> Self {
        Self { list, is_changed: true }
    }

    /// Starts a hole, unless one lasts.
    pub(super) fn open(&mut self, start_sample: SampleTime, cause: GapCause) {
        if !self.is_open() {
            self.push(Hole {
                start_sample,
                end_sample: None,
                cause,
            });
        }
    }

    /// Ends the hole that lasts. An end before the start means that a clock was wrong: then all of the gap is the hole.
    pub(super) fn close(&mut self, end: SampleTime) {
        let Some(open) = self.list.last_mut().filter(|hole| hole.end_sample.is_none()) else {
            return;
        };
        open.end_sample = Some(end);
        if end <= open.start_sample {
            open.start_sample = SampleTime::ZERO;
        }
        self.is_changed = true;
    }

    /// Adds an interval in which packets were kept from the recorder; `last` is where the last of them begins.
    pub(super) fn add_dropped(&mut self, start: SampleTime, last: SampleTime, cause: GapCause) {
        let near = |hole: &&mut Hole| hole.cause == cause && hole.end_sample.is_some_and(|end| start - end <= EDGE);
        let end = last + PACKET;
        if let Some(last) = self.list.last_mut().filter(near) {
            last.end_sample = last.end_sample.max(Some(end));
            self.is_changed = true;
        } else if !self.is_open() {
            self.push(Hole {
                start_sample: start,
                end_sample: Some(end),
                cause,
            });
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.list.last().is_some_and(|hole| hole.end_sample.is_none())
    }

    /// Forgets the holes, because a packet follows them.
    pub(super) fn clear(&mut self) {
        self.is_changed |= !self.list.is_empty();
        self.list.clear();
    }

    /// Returns the list if the journal does not have it.
    pub(super) fn take_change(&mut self) -> Option<Vec<Hole>> {
        std::mem::take(&mut self.is_changed).then(|| self.list.clone())
    }

    /// Divides a gap into parts by cause; `natural` is the cause where there is no hole at all. Around holes it is
    /// silence, unless more is known to be `lost` than the holes explain.
    pub(super) fn divide(&self, start: SampleTime, end: SampleTime, natural: GapCause, lost: SampleTime) -> Vec<Piece> {
        let is_within = |hole: &&Hole| hole.start_sample < end && hole.end_sample.is_none_or(|end| end >= start);
        let mut holes = self.list.iter().filter(is_within).peekable();
        if holes.peek().is_none() {
            return vec![Piece { end, cause: natural }];
        }
        let mut pieces = Pieces {
            cursor: start,
            list: Vec::new(),
            rest: GapCause::Silence,
        };
        let within = |hole: &Hole| hole.end_sample.unwrap_or(end).min(end) - hole.start_sample.max(start);
        let explained = holes.clone().map(within).fold(SampleTime::ZERO, |sum, part| sum + part);
        let can_be_lost = [GapCause::Loss, GapCause::ConnectionLost, GapCause::RecorderRestarted].contains(&natural);
        if can_be_lost && lost - explained > EDGE {
            pieces.rest = natural;
        }
        for hole in holes {
            pieces.add(hole, end);
        }
        pieces.close(end)
    }

    fn push(&mut self, hole: Hole) {
        self.is_changed = true;
        if self.list.len() < MAX_HOLES {
            self.list.push(hole);
        } else if let Some(last) = self.list.last_mut() {
            last.end_sample = hole.end_sample;
        }
    }
}

/// A gap that is divided from its start on.
struct Pieces {
    cursor: SampleTime,
    list: Vec<Piece>,
    /// The cause around the holes.
    rest: GapCause,
}

impl Pieces {
    fn add(&mut self, hole: &Hole, gap_end: SampleTime) {
        let hole_end = hole.end_sample.unwrap_or(gap_end).min(gap_end);
        if hole.start_sample - self.cursor > edge(hole.cause) {
            self.push(hole.start_sample, self.rest);
        }
        self.push(hole_end, hole.cause);
    }

    fn close(mut self, end: SampleTime) -> Vec<Piece> {
        match self.list.last_mut() {
            Some(last) if end - last.end <= edge(last.cause) => last.end = end,
            _ => self.push(end, self.rest),
        }
        self.list
    }

    fn push(&mut self, end: SampleTime, cause: GapCause) {
        if let Some(last) = self.list.last_mut().filter(|last| last.cause == cause) {
            last.end = last.end.max(end);
        } else if end > self.cursor {
            self.list.push(Piece { end, cause });
        }
        self.cursor = self.cursor.max(end);
    }
}

/// How much unexplained time around a hole belongs to it.
fn edge(cause: GapCause) -> SampleTime {
    if cause == GapCause::Silence {
        SampleTime::ZERO
    } else {
        EDGE
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use GapCause::{ConnectionLost, DiskFull, Loss, RecorderRestarted, Silence};

    const SECOND: i64 = SampleTime::SECOND.0;

    fn hole(start: i64, end: Option<i64>, cause: GapCause) -> Hole {
        Hole {
            start_sample: SampleTime(start * SECOND),
            end_sample: end.map(|end| SampleTime(end * SECOND)),
            cause,
        }
    }

    /// Divides a gap from second 100 to 200.
    fn divide(holes: &[Hole]) -> Vec<(i64, GapCause)> {
        divide_with_lost(holes, 0)
    }

    fn divide_with_lost(holes: &[Hole], lost_seconds: i64) -> Vec<(i64, GapCause)> {
        let [start, end, lost] = [100, 200, lost_seconds].map(|seconds| SampleTime(seconds * SECOND));
        let pieces = Holes::restore(holes.to_vec()).divide(start, end, Loss, lost);
        pieces.iter().map(|piece| (piece.end.0 / SECOND, piece.cause)).collect()
    }

    #[test]
    fn silence_around_a_hole_is_not_part_of_it() {
        let holes = [hole(160, Some(162), RecorderRestarted)];

        assert_eq!(
            divide(&holes),
            [(160, Silence), (162, RecorderRestarted), (200, Silence)]
        );
    }

    #[test]
    fn a_second_at_the_edges_of_a_hole_is_part_of_it() {
        let holes = [hole(101, Some(199), ConnectionLost)];

        assert_eq!(divide(&holes), [(200, ConnectionLost)]);
    }

    #[test]
    fn around_a_hole_that_does_not_explain_all_lost_packets_the_rest_is_lost_as_well() {
        let holes = [hole(160, Some(162), DiskFull)];

        assert_eq!(
            divide_with_lost(&holes, 2),
            [(160, Silence), (162, DiskFull), (200, Silence)]
        );
        assert_eq!(
            divide_with_lost(&holes, 90),
            [(160, Loss), (162, DiskFull), (200, Loss)]
        );
    }

    #[test]
    fn without_a_hole_the_cause_is_the_natural_one() {
        assert_eq!(divide(&[]), [(200, Loss)]);
        assert_eq!(
            divide(&[hole(10, Some(90), DiskFull), hole(300, None, DiskFull)]),
            [(200, Loss)]
        );
    }

    #[test]
    fn holes_that_overlap_and_last_are_merged_by_cause() {
        let holes = [
            hole(90, Some(110), RecorderRestarted),
            hole(105, Some(120), RecorderRestarted),
            hole(110, Some(130), ConnectionLost),
            hole(150, None, RecorderRestarted),
        ];

        assert_eq!(
            divide(&holes),
            [
                (120, RecorderRestarted),
                (130, ConnectionLost),
                (150, Silence),
                (200, RecorderRestarted)
            ]
        );
    }

    #[test]
    fn packets_dropped_one_by_one_are_one_hole() {
        let mut holes = Holes::default();
        for ms in (120_000..150_000).step_by(20) {
            holes.add_dropped(SampleTime::from_millis(ms), SampleTime::from_millis(ms), DiskFull);
        }

        let pieces = holes.divide(
            SampleTime(119 * SECOND),
            SampleTime(150 * SECOND),
            Loss,
            SampleTime::ZERO,
        );

        assert_eq!(
            pieces,
            [Piece {
                end: SampleTime(150 * SECOND),
                cause: DiskFull
            }]
        );
    }
}
