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
    reporter.transition(|egress| concluded(egress, end, file));
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
