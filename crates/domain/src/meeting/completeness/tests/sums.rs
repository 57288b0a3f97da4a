//! What holds for every meeting.

use proptest::prelude::*;

use super::support::{Case, at, failed, meeting};
use crate::manifest::GapCause;
use crate::recording::FailureReason;

/// A recording that was requested some seconds into the meeting, and its hole.
#[derive(Clone, Debug)]
enum Recorder {
    Stored { from: f64, to: f64, hole: (f64, f64) },
    Failed { from: f64, to: f64, reason: FailureReason },
}

fn recorder() -> impl Strategy<Value = Recorder> {
    let second = || (-20..120i32).prop_map(f64::from);
    let reason = prop::sample::select(FailureReason::ALL);
    prop_oneof![
        (second(), second(), second(), second()).prop_map(|(from, to, a, b)| Recorder::Stored {
            from: from.min(to),
            to: from.max(to),
            hole: (a.min(b), a.max(b)),
        }),
        (second(), second(), reason).prop_map(|(from, to, reason)| Recorder::Failed { from, to, reason }),
    ]
}

fn recorded_by(case: Case, recorder: Recorder) -> Case {
    match recorder {
        Recorder::Stored { from, to, hole } => case.recorded(from, to).hole(hole.0, hole.1, GapCause::Loss),
        Recorder::Failed { from, to, reason } => case.recording(from, failed(reason, to)),
    }
}

proptest! {
    #[test]
    fn what_was_published_is_recorded_or_missing_and_nothing_is_listed_twice(
        published in (0..100i32, 0..100i32), recorders in prop::collection::vec(recorder(), 0..5),
    ) {
        let (from, to) = (published.0.min(published.1), published.0.max(published.1));
        let case = meeting().published(from.into(), to.into());
        let case = recorders.into_iter().fold(case, recorded_by);

        let found = case.0.completeness(at(100.0));

        let sums = found.sums();
        // a request in the second of the event tells the moment more precisely
        let uncertain_ms = i64::from(to - from) * 1000 - sums.published_ms;
        prop_assert!((0..1000).contains(&uncertain_ms), "{:?}", found);
        prop_assert_eq!(sums.published_ms, sums.recorded_ms + sums.missing_ms);
        let mut end = i64::from(from) * 1000;
        let mut listed = 0;
        for missing in &found.people[0].missing {
            prop_assert!(end <= missing.start_ms && missing.start_ms <= missing.end_ms, "{:?}", found);
            end = missing.end_ms;
            listed += missing.end_ms - missing.start_ms;
        }
        prop_assert!(end <= i64::from(to) * 1000 && listed <= sums.missing_ms);
        // all times are whole seconds: only a second at the start is not listed
        prop_assert!(sums.missing_ms - listed <= 1000, "{:?}", found);
    }
}
