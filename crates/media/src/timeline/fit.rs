//! Fits a line to the least delayed arrivals.

use domain::manifest::{Fit, SAMPLE_RATE};
use domain::{SampleTime, UnixNanos};
use serde::{Deserialize, Serialize};

/// Nanoseconds per sample of an exact clock.
pub(super) const NOMINAL_NS: f64 = 1e9 / SAMPLE_RATE as f64;

/// Over a shorter span jitter looks like drift: 1 ms of it over a minute is 17 ppm.
const MIN_SPAN: SampleTime = SampleTime(60 * SampleTime::SECOND.0);

/// Quartz is off by 100 ppm at most, bad sound devices by a few hundred. More apparent drift has another cause, for
/// instance a network path that became slower.
const MAX_DRIFT: f64 = 500e-6;

/// One arrival: everything before `sample` had arrived by `arrival`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Point {
    /// Position in the recording.
    pub sample: SampleTime,
    /// Wall time of the recorder.
    pub arrival: UnixNanos,
}

/// Fits the line that lies below all points and as close to them as possible. Jitter only ever delays packets, so it
/// does not move the line. Recordings of less than a minute get the nominal slope. Returns `None` without points.
pub fn fit(points: &[Point]) -> Option<Fit> {
    let origin = *points.iter().min_by_key(|point| point.sample)?;
    let delays: Vec<_> = points.iter().map(|point| Delay::of(point, origin)).collect();
    let line = drifting_line(&delays).unwrap_or_else(|| nominal_line(&delays));
    let at_first = origin.arrival.saturating_add(line.offset_ns.round() as i64);
    let b_ns = NOMINAL_NS + line.slope;
    Some(Fit {
        a_ns: at_first.saturating_add((-b_ns * origin.sample.0 as f64).round() as i64),
        b_ns,
    })
}

/// A point's delay against the nominal rate, relative to the first point.
#[derive(Clone, Copy, Debug)]
struct Delay {
    sample: f64,
    ns: f64,
}

impl Delay {
    fn of(point: &Point, origin: Point) -> Self {
        let sample = (point.sample - origin.sample).0 as f64;
        let ns = point.arrival.nanos_since(origin.arrival) as f64 - sample * NOMINAL_NS;
        Self { sample, ns }
    }
}

/// Delay as a linear function of the sample.
struct Line {
    offset_ns: f64,
    /// Nanoseconds per sample, in addition to the nominal ones.
    slope: f64,
}

fn nominal_line(delays: &[Delay]) -> Line {
    Line {
        offset_ns: delays.iter().map(|delay| delay.ns).fold(f64::INFINITY, f64::min),
        slope: 0.0,
    }
}

/// Returns the edge of the lower hull below the points' mean. Of all lines below the points it has the least sum of
/// distances (Moon, Skelly, Towsley: Estimation and removal of clock skew, 1999).
///
/// `None` if the span is too short or the slope is not plausible.
fn drifting_line(delays: &[Delay]) -> Option<Line> {
    let span = delays.iter().map(|delay| delay.sample).fold(0.0, f64::max);
    if span < MIN_SPAN.0 as f64 {
        return None;
    }
    let mean = delays.iter().map(|delay| delay.sample).sum::<f64>() / delays.len() as f64;
    let hull = lower_hull(delays);
    let edge = hull
        .windows(2)
        .find(|edge| edge[0].sample <= mean && mean <= edge[1].sample)?;
    let slope = (edge[1].ns - edge[0].ns) / (edge[1].sample - edge[0].sample);
    let line = Line {
        offset_ns: edge[0].ns - slope * edge[0].sample,
        slope,
    };
    Some(line).filter(|line| line.slope.abs() <= MAX_DRIFT * NOMINAL_NS)
}

/// Returns the lower half of the convex hull from left to right (Andrew's monotone chain).
fn lower_hull(delays: &[Delay]) -> Vec<Delay> {
    let mut sorted = delays.to_vec();
    sorted.sort_by(|a, b| a.sample.total_cmp(&b.sample).then(a.ns.total_cmp(&b.ns)));
    sorted.dedup_by(|later, earlier| later.sample == earlier.sample);
    let mut hull: Vec<Delay> = Vec::new();
    for delay in sorted {
        while let [.., before, last] = hull[..]
            && !turns_left(before, last, delay)
        {
            hull.pop();
        }
        hull.push(delay);
    }
    hull
}

fn turns_left(a: Delay, b: Delay, c: Delay) -> bool {
    (b.sample - a.sample) * (c.ns - a.ns) > (b.ns - a.ns) * (c.sample - a.sample)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::timeline::{Envelope, meeting_time_ms};

    const START: UnixNanos = UnixNanos(1_800_000_000_000_000_000);
    const MS: f64 = 1e6;

    /// Pseudo-random numbers, the same in every run.
    struct Noise(u64);

    impl Noise {
        /// Between 0 and 1.
        fn next(&mut self) -> f64 {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 11) as f64 / (1u64 << 53) as f64
        }
    }

    struct Device {
        drift: f64,
        jitter_ms: f64,
        seconds: u64,
        seed: u64,
    }

    impl Device {
        /// Returns the true time of a sample.
        fn true_time(&self, sample: u64) -> UnixNanos {
            START.saturating_add((sample as f64 * NOMINAL_NS * (1.0 + self.drift)) as i64)
        }

        fn fit(&self) -> Fit {
            let mut noise = Noise(self.seed);
            let mut envelope = Envelope::default();
            for packet in 1..=self.seconds * 50 {
                let late = (noise.next() * self.jitter_ms * MS) as i64;
                envelope.add(Point {
                    sample: SampleTime::from_samples(packet * 960),
                    arrival: self.true_time(packet * 960).saturating_add(late),
                });
            }
            fit(envelope.points()).unwrap()
        }

        fn worst_error_ms(&self) -> f64 {
            let fit = self.fit();
            let error = |second: u64| {
                let sample = second * 48_000;
                let fitted_ns = fit.a_ns.nanos_since(START) as f64 + fit.b_ns * sample as f64;
                (fitted_ns - self.true_time(sample).nanos_since(START) as f64).abs() / MS
            };
            (0..=self.seconds).map(error).fold(0.0, f64::max)
        }
    }

    #[test]
    fn drift_is_measured_despite_jitter() {
        for seed in 0..20 {
            for drift in [100e-6, -100e-6, 0.0, 20e-6] {
                let device = Device {
                    drift,
                    jitter_ms: 30.0,
                    seconds: 600,
                    seed,
                };

                assert!(
                    device.worst_error_ms() <= 3.0,
                    "{drift} {seed}: {}",
                    device.worst_error_ms()
                );
            }
        }
    }

    #[test]
    fn a_whole_day_is_placed_within_3_ms() {
        let device = Device {
            drift: 80e-6,
            jitter_ms: 30.0,
            seconds: 24 * 3600,
            seed: 3,
        };

        assert!(device.worst_error_ms() <= 3.0, "{}", device.worst_error_ms());
    }

    #[test]
    fn a_short_recording_is_placed_by_its_least_delayed_packet() {
        let device = Device {
            drift: 100e-6,
            jitter_ms: 30.0,
            seconds: 20,
            seed: 1,
        };

        assert_eq!(device.fit().b_ns, NOMINAL_NS);
        assert!(device.worst_error_ms() <= 3.0);
    }

    #[test]
    fn two_devices_that_hear_the_same_sound_agree_on_its_time() {
        let fast = Device {
            drift: 100e-6,
            jitter_ms: 30.0,
            seconds: 600,
            seed: 7,
        }
        .fit();
        let slow = Device {
            drift: -60e-6,
            jitter_ms: 5.0,
            seconds: 600,
            seed: 8,
        }
        .fit();

        for second in [0.0, 1.0, 300.0, 599.0] {
            let sample = |drift: f64| SampleTime((second * 48_000.0 / (1.0 + drift)) as i64);
            let apart = meeting_time_ms(&fast, START, sample(100e-6)) - meeting_time_ms(&slow, START, sample(-60e-6));
            assert!(apart.abs() <= 3, "{second} s: {apart} ms");
        }
    }

    #[test]
    fn a_network_that_becomes_slower_is_not_taken_for_drift() {
        let slower = |second: i64| Point {
            sample: SampleTime(second * 48_000),
            arrival: START.saturating_add(second * 1_002_000_000),
        };
        let points: Vec<_> = (0..120).map(slower).collect();

        let fit = fit(&points).unwrap();

        assert_eq!(
            fit,
            Fit {
                a_ns: START,
                b_ns: NOMINAL_NS
            }
        );
    }

    #[test]
    fn without_packets_there_is_no_line() {
        assert_eq!(fit(&[]), None);
    }

    proptest! {
        #[test]
        fn any_points_give_a_finite_slope(points in prop::collection::vec((any::<i64>(), any::<i64>()), 0..50)) {
            let points: Vec<_> = points.into_iter().map(|(sample, arrival)| Point { sample: SampleTime(sample), arrival: UnixNanos(arrival) }).collect();

            let fit = fit(&points);

            prop_assert!(fit.is_none_or(|fit| fit.b_ns.is_finite()));
        }
    }
}
