//! Manifests of recorders that were away, lost packets or heard nothing.

use domain::{
    UnixNanos,
    manifest::{Listened, Mute},
};

use super::*;

const STORED: &str = include_str!("../../../../crates/domain/fixtures/manifest.json");

const START: i64 = 1_800_000_000;

fn nanos(seconds: f64) -> UnixNanos {
    UnixNanos(START * 1_000_000_000 + (seconds * 1e9) as i64)
}

fn sample(seconds: f64) -> SampleTime {
    SampleTime((seconds * 48_000.0) as i64)
}

/// The manifest of a capture from 0 s to 100 s whose first packet came at 10 s and whose last one at 90 s.
struct Recorded(Manifest);

fn recorded() -> Recorded {
    let mut manifest = Manifest::from_json(STORED.as_bytes()).unwrap();
    manifest.started_at = nanos(0.0);
    manifest.ended_at = nanos(100.0);
    let ours = &mut manifest.trackscribe;
    ours.clock.fit.a_ns = nanos(10.0);
    ours.samples = sample(80.0);
    ours.gaps.clear();
    ours.mutes.clear();
    ours.listened.clear();
    Recorded(manifest)
}

impl Recorded {
    fn listened(mut self, intervals: &[(f64, f64)]) -> Self {
        let listened = intervals.iter().map(|(from, to)| Listened {
            from_ns: nanos(*from),
            to_ns: nanos(*to),
        });
        self.0.trackscribe.listened.extend(listened);
        self
    }

    fn gap(mut self, from: f64, to: f64, cause: GapCause, lost_packets: u64) -> Self {
        self.0.trackscribe.gaps.push(Gap {
            start_sample: sample(from - 10.0),
            samples: sample(to - from),
            cause,
            lost_packets,
        });
        self
    }

    fn muted(mut self, from: f64, to: f64) -> Self {
        self.0.trackscribe.mutes.push(Mute {
            start_sample: sample(from - 10.0),
            end_sample: Some(sample(to - 10.0)),
        });
        self
    }

    fn failed(mut self) -> Self {
        self.0.trackscribe.end.status = "EGRESS_FAILED".to_owned();
        self
    }

    /// The intervals in seconds, then the holes.
    fn outline(&self) -> String {
        let seconds = |at: UnixNanos| at.nanos_since(nanos(0.0)) as f64 / 1e9;
        let Coverage { listened, holes } = coverage(&self.0);
        let listened = listened
            .iter()
            .map(|l| format!("{}-{}", seconds(l.from_ns), seconds(l.to_ns)));
        let holes = holes
            .iter()
            .map(|h| format!("{:?} {}-{}", h.cause, seconds(h.from_ns), seconds(h.to_ns)));
        listened.chain(holes).collect::<Vec<_>>().join(", ")
    }
}

#[test]
fn a_recorder_that_does_not_say_when_it_was_connected_was_so_from_its_start_to_its_end() {
    assert_eq!(recorded().outline(), "0-100");
    assert_eq!(recorded().failed().outline(), "0-90");
}

#[test]
fn an_absence_is_missing_for_as_long_as_the_recorder_was_away() {
    let away = recorded()
        .listened(&[(0.0, 40.0), (42.0, 100.0)])
        .gap(38.0, 44.0, GapCause::RecorderRestarted, 0);

    assert_eq!(away.outline(), "0-40, 42-100, RecorderRestarted 40-42");
    assert_eq!(
        recorded().gap(38.0, 44.0, GapCause::ConnectionLost, 0).outline(),
        "0-100, ConnectionLost 38-44"
    );
}

#[test]
fn an_absence_that_left_no_gap_or_one_of_silence_is_missing() {
    let silent_before = recorded().listened(&[(0.0, 92.0), (95.0, 100.0)]);
    let resumed = recorded()
        .listened(&[(0.0, 40.0), (42.0, 100.0)])
        .gap(40.0, 42.0, GapCause::Silence, 0);

    assert_eq!(silent_before.outline(), "0-92, 95-100, ConnectionLost 92-95");
    assert_eq!(resumed.outline(), "0-40, 42-100, ConnectionLost 40-42");
}

#[test]
fn nothing_is_missing_of_a_track_that_was_silent_before_and_after_a_short_absence() {
    let absent = || {
        let absent = recorded().listened(&[(0.0, 40.0), (42.0, 100.0)]);
        absent.gap(30.0, 50.0, GapCause::Silence, 0)
    };
    let restarted = || recorded().gap(40.0, 42.0, GapCause::RecorderRestarted, 0);

    assert_eq!(absent().muted(30.0, 50.0).outline(), "0-100");
    assert_eq!(restarted().muted(30.0, 50.0).outline(), "0-100");
    assert_eq!(
        recorded().listened(&[(0.0, 5.0), (7.0, 100.0)]).outline(),
        "0-100",
        "before the first packet"
    );
}

#[test]
fn speech_may_be_missing_if_the_track_was_unmuted_meanwhile_or_the_absence_was_long() {
    let absent = |to| {
        let absent = recorded().listened(&[(0.0, 40.0), (to, 100.0)]);
        absent.gap(30.0, 70.0, GapCause::Silence, 0)
    };

    assert_eq!(
        absent(42.0).muted(30.0, 42.1).outline(),
        "0-40, 42-100, ConnectionLost 40-42"
    );
    assert_eq!(
        absent(60.0).muted(30.0, 70.0).outline(),
        "0-40, 60-100, ConnectionLost 40-60"
    );
    assert_eq!(
        recorded().listened(&[(0.0, 8.0), (9.9, 100.0)]).outline(),
        "0-8, 9.9-100, ConnectionLost 8-9.9"
    );
}

#[test]
fn lost_packets_are_missing_and_the_silence_around_them_is_not() {
    let lossy = recorded()
        .gap(20.0, 20.5, GapCause::Loss, 25)
        .gap(30.0, 60.0, GapCause::Loss, 1)
        .gap(65.0, 66.0, GapCause::TimestampJump, 0)
        .gap(70.0, 71.0, GapCause::TimestampJump, 50)
        .gap(75.0, 79.0, GapCause::DiskFull, 0)
        .gap(80.0, 89.0, GapCause::Silence, 0);

    assert_eq!(
        lossy.outline(),
        "0-100, Loss 20-20.5, Loss 30-30.12, Loss 70-71, DiskFull 75-79"
    );
}

#[test]
fn packets_prove_that_the_recorder_was_connected() {
    // the note of the last second before the crash was not written
    let crashed = recorded()
        .listened(&[(0.0, 39.0), (42.0, 100.0)])
        .gap(40.0, 42.0, GapCause::RecorderRestarted, 0);

    assert_eq!(crashed.outline(), "0-40, 42-100, RecorderRestarted 40-42");
}

#[test]
fn a_reconnect_that_no_absence_explains_is_missing() {
    let reconnected = recorded()
        .listened(&[(0.0, 100.0)])
        .gap(40.0, 41.0, GapCause::ConnectionLost, 0);

    assert_eq!(reconnected.outline(), "0-100, ConnectionLost 40-41");
}

#[test]
fn thousands_of_holes_are_joined_with_their_nearest_neighbours() {
    let mut lossy = recorded();
    lossy.0.trackscribe.samples = sample(100_000.0);
    for n in 0..3_000 {
        let from = 20.0 + f64::from(n) + f64::from(n % 2) * 0.25;
        lossy = lossy.gap(from, from + 0.1, GapCause::Loss, 5);
    }

    let Coverage { holes, .. } = coverage(&lossy.0);

    assert_eq!(holes.len(), MAX_HOLES);
    let missing: i64 = holes.iter().map(|h| h.to_ns.nanos_since(h.from_ns)).sum();
    // 0.1 s each, with 1500 pauses of 0.65 s and 500 of 1.15 s
    assert_eq!((missing + 500_000) / 1_000_000_000, 300 + 975 + 575);
}

#[test]
fn hostile_numbers_do_not_panic() {
    let extremes = [i64::MIN, -1, 0, i64::MAX];
    for (a, b) in extremes.into_iter().flat_map(|a| extremes.map(|b| (a, b))) {
        let mut hostile = recorded().listened(&[(5.0, 1.0)]).muted(1.0, 2.0);
        let ours = &mut hostile.0.trackscribe;
        ours.clock.fit.a_ns = UnixNanos(a);
        ours.clock.fit.b_ns = f64::NAN;
        ours.samples = SampleTime(b);
        ours.listened.push(Listened {
            from_ns: UnixNanos(a),
            to_ns: UnixNanos(b),
        });
        for cause in [GapCause::Loss, GapCause::DiskFull, GapCause::Overload, GapCause::Other] {
            ours.gaps.push(Gap {
                start_sample: SampleTime(a),
                samples: SampleTime(b),
                cause,
                lost_packets: u64::MAX,
            });
        }

        let covered = coverage(&hostile.0);

        assert!(covered.holes.len() <= 3 + 2, "{covered:?}");
    }
}
