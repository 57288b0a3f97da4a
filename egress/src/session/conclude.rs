//! The terminal state that follows from an end and from what is stored.

use super::{
    outcome::RecordingEnd,
    reporter::StateReporter,
    saved::SavedEnd,
    state::{Egress, EndReason, IllegalTransition, State, StoredFile},
};
use crate::failure::Failure;

/// Makes the terminal transition. `file` is what was stored; `None` if no packet was recorded.
pub fn conclude(reporter: &mut StateReporter, end: &SavedEnd, file: Option<StoredFile>) {
    reporter.transition(|egress| {
        let stored = file.clone();
        concluded(egress.clone(), end, file).or_else(|refused| {
            // Without a terminal state the recording would be stored again and again.
            tracing::error!(?egress, "{refused}; this is a bug in the worker");
            egress.fail(end.at, Failure::internal(&refused), stored)
        })
    });
}

fn concluded(egress: Egress, end: &SavedEnd, file: Option<StoredFile>) -> Result<Egress, IllegalTransition> {
    match (&end.end, file) {
        (RecordingEnd::Failed(failure), file) => egress.fail(end.at, failure.clone(), file),
        (RecordingEnd::Stopped(_), Some(file)) => egress.complete(end.at, file),
        (RecordingEnd::LimitReached, Some(file)) => egress.limit_reached(end.at, file),
        (end_reason, None) => {
            let reason = end_reason.reason();
            let stopped_at_start = reason == EndReason::StopApi && matches!(egress.state(), State::Starting);
            let failure = if stopped_at_start {
                Failure::not_started()
            } else {
                Failure::no_audio()
            };
            egress.abort(end.at, failure, reason)
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::UnixNanos;
    use livekit_protocol::EgressStatus;

    use super::*;
    use crate::session::{state::OpenFile, tests::spec};

    fn starting() -> Egress {
        let spec = spec("EG_1");
        Egress::new(spec.meta, spec.started_at)
    }

    fn active() -> Egress {
        let file = OpenFile {
            filename: "a.ogg".into(),
            started_at: None,
        };
        starting().activate(UnixNanos(1), file).unwrap()
    }

    fn ending() -> Egress {
        active().end(UnixNanos(2), EndReason::SourceClosed).unwrap()
    }

    fn stored() -> StoredFile {
        StoredFile {
            filename: "a.ogg".into(),
            started_at: UnixNanos(1),
            duration_ns: 1,
            size_bytes: 1,
            location: "/o/a.ogg".into(),
            manifest_location: String::new(),
        }
    }

    #[test]
    fn the_terminal_state_follows_from_the_end_and_the_file() {
        let closed = || RecordingEnd::Stopped(EndReason::SourceClosed);
        let stopped = || RecordingEnd::Stopped(EndReason::StopApi);
        let interrupted = || RecordingEnd::from(Failure::interrupted("gone"));
        let table = [
            (ending(), closed(), Some(stored()), EgressStatus::EgressComplete, ""),
            (
                active(),
                RecordingEnd::LimitReached,
                Some(stored()),
                EgressStatus::EgressLimitReached,
                "Session limit reached",
            ),
            (
                active(),
                interrupted(),
                Some(stored()),
                EgressStatus::EgressFailed,
                "interrupted: gone",
            ),
            (
                starting(),
                interrupted(),
                None,
                EgressStatus::EgressFailed,
                "interrupted: gone",
            ),
            (
                starting(),
                stopped(),
                None,
                EgressStatus::EgressAborted,
                "Start signal not received",
            ),
            (
                active(),
                RecordingEnd::LimitReached,
                None,
                EgressStatus::EgressAborted,
                "no_audio: the track ended before it sent a packet",
            ),
            (
                ending(),
                closed(),
                None,
                EgressStatus::EgressAborted,
                "no_audio: the track ended before it sent a packet",
            ),
        ];

        for (egress, end, file, status, error) in table {
            let has_file = file.is_some();
            let end = SavedEnd {
                end,
                at: UnixNanos(i64::MAX),
                recorded: None,
            };
            let info = concluded(egress, &end, file).unwrap().info();
            assert_eq!((info.status(), info.error.as_str()), (status, error), "{end:?}");
            assert_eq!(info.file_results[0].location.is_empty(), !has_file, "{end:?}");
            assert_eq!(info.ended_at, i64::MAX);
        }
    }
}
