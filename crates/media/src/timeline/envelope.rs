//! The earliest arrivals of a recording, in bounded memory.

use super::Point;
use super::fit::NOMINAL_NS;
use crate::SAMPLE_RATE;

/// A day's recording needs no more; beyond, every two points become one.
const MAX_POINTS: usize = 8192;

/// Keeps the least delayed packet of every second, later of every two, four, … seconds.
#[derive(Clone, Debug)]
pub(crate) struct Envelope {
    interval_samples: i64,
    points: Vec<Point>,
}

impl Default for Envelope {
    fn default() -> Self {
        Self {
            interval_samples: i64::from(SAMPLE_RATE),
            points: Vec::new(),
        }
    }
}

impl Envelope {
    pub(crate) fn add(&mut self, point: Point) {
        if self.points.len() >= MAX_POINTS {
            self.thin();
        }
        push_least(&mut self.points, point, self.interval_samples);
    }

    pub(crate) fn points(&self) -> &[Point] {
        &self.points
    }

    fn thin(&mut self) {
        self.interval_samples = self.interval_samples.saturating_mul(2);
        for point in std::mem::take(&mut self.points) {
            push_least(&mut self.points, point, self.interval_samples);
        }
    }
}

/// Of the points of one interval only the least delayed stays.
fn push_least(points: &mut Vec<Point>, point: Point, interval_samples: i64) {
    match points.last_mut() {
        Some(last) if last.sample.div_euclid(interval_samples) == point.sample.div_euclid(interval_samples) => {
            if is_less_delayed(&point, last) {
                *last = point;
            }
        }
        _ => points.push(point),
    }
}

fn is_less_delayed(point: &Point, other: &Point) -> bool {
    let nominal_ns = point.sample.saturating_sub(other.sample) as f64 * NOMINAL_NS;
    (point.arrival_ns.saturating_sub(other.arrival_ns) as f64) < nominal_ns
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(ms: i64, late_ms: i64) -> Point {
        Point {
            sample: ms * 48,
            arrival_ns: (ms + late_ms) * 1_000_000,
        }
    }

    #[test]
    fn the_least_delayed_packet_of_a_second_stays() {
        let mut envelope = Envelope::default();

        for (ms, late_ms) in [(0, 9), (20, 3), (980, 5), (1000, 8), (1980, 7)] {
            envelope.add(point(ms, late_ms));
        }

        assert_eq!(envelope.points(), [point(20, 3), point(1980, 7)]);
    }

    #[test]
    fn a_month_needs_no_more_memory_than_a_day() {
        let mut envelope = Envelope::default();

        for second in 0..30 * 24 * 3600 {
            envelope.add(point(second * 1000, 5));
        }

        assert!(envelope.points().len() <= MAX_POINTS);
        assert_eq!(envelope.points()[0], point(0, 5));
    }
}
