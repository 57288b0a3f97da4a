//! The least delayed arrivals of a recording, in bounded memory.

use domain::SampleTime;

use super::Point;
use super::fit::NOMINAL_NS;

/// Most points kept, enough for a recording of a day. Beyond that every two points are merged into one.
const MAX_POINTS: usize = 8192;

/// Keeps the least delayed packet of every second; in long recordings of every two, four, … seconds.
#[derive(Clone, Debug)]
pub(crate) struct Envelope {
    interval: SampleTime,
    points: Vec<Point>,
    /// The last point when `take_new` was called.
    taken: Option<Point>,
}

impl Default for Envelope {
    fn default() -> Self {
        Self {
            interval: SampleTime::SECOND,
            points: Vec::new(),
            taken: None,
        }
    }
}

impl Envelope {
    pub(crate) fn add(&mut self, point: Point) {
        if self.points.len() >= MAX_POINTS {
            self.double_interval();
        }
        push_least_delayed(&mut self.points, point, self.interval);
    }

    /// Adds the points of a journal, which need not be taken again.
    pub(crate) fn restore(points: Vec<Point>) -> Self {
        let mut envelope = Self::default();
        for point in points {
            envelope.add(point);
        }
        envelope.taken = envelope.points.last().copied();
        envelope
    }

    /// Returns the points that were added or replaced since the last call. Adding them to a copy from before gives this
    /// envelope, except that the copy may merge other points when it is full.
    pub(crate) fn take_new(&mut self) -> Vec<Point> {
        let number = |point: &Point| point.sample.0.div_euclid(self.interval.0);
        let is_new = |point: &&Point| self.taken.is_none_or(|taken| number(point) >= number(&taken));
        let mut new: Vec<_> = self.points.iter().rev().take_while(is_new).copied().collect();
        new.retain(|point| Some(*point) != self.taken);
        new.reverse();
        self.taken = self.points.last().copied();
        new
    }

    pub(crate) fn points(&self) -> &[Point] {
        &self.points
    }

    fn double_interval(&mut self) {
        self.interval = self.interval + self.interval;
        for point in std::mem::take(&mut self.points) {
            push_least_delayed(&mut self.points, point, self.interval);
        }
    }
}

/// Adds a point; of two in one interval the less delayed stays.
fn push_least_delayed(points: &mut Vec<Point>, point: Point, interval: SampleTime) {
    let number = |point: &Point| point.sample.0.div_euclid(interval.0);
    match points.last_mut() {
        Some(last) if number(last) == number(&point) => {
            if is_less_delayed(&point, last) {
                *last = point;
            }
        }
        _ => points.push(point),
    }
}

fn is_less_delayed(point: &Point, other: &Point) -> bool {
    let nominal_ns = (point.sample - other.sample).0 as f64 * NOMINAL_NS;
    (point.arrival.nanos_since(other.arrival) as f64) < nominal_ns
}

#[cfg(test)]
mod tests {
    use domain::UnixNanos;

    use super::*;

    fn point(ms: i64, late_ms: i64) -> Point {
        Point {
            sample: SampleTime(ms * 48),
            arrival: UnixNanos((ms + late_ms) * 1_000_000),
        }
    }

    #[test]
    fn the_least_delayed_packet_of_a_second_is_kept() {
        let mut envelope = Envelope::default();

        for (ms, late_ms) in [(0, 9), (20, 3), (980, 5), (1000, 8), (1980, 7)] {
            envelope.add(point(ms, late_ms));
        }

        assert_eq!(envelope.points(), [point(20, 3), point(1980, 7)]);
    }

    #[test]
    fn what_is_taken_restores_the_envelope() {
        let mut envelope = Envelope::default();
        let mut taken = Vec::new();
        for (ms, late_ms) in [(0, 9), (20, 3), (980, 5), (1000, 8), (1980, 7), (2000, 9)] {
            envelope.add(point(ms, late_ms));
            taken.extend(envelope.take_new());
        }

        assert_eq!(envelope.take_new(), []);
        assert_eq!(Envelope::restore(taken).points(), envelope.points());
    }

    #[test]
    fn a_month_takes_no_more_memory_than_a_day() {
        let mut envelope = Envelope::default();

        for second in 0..30 * 24 * 3600 {
            envelope.add(point(second * 1000, 5));
        }

        assert!(envelope.points().len() <= MAX_POINTS);
        assert_eq!(envelope.points()[0], point(0, 5));
    }
}
