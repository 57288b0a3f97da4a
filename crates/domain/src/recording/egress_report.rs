//! The state of a recording that an egress report describes.

use super::state::{Active, Complete, Failed, FailureReason, RecordingState};
use crate::ObjectKey;
use crate::event::{EgressReport, EgressStatus};

/// Returns the state that a report describes; `None` if it only says that an egress was requested.
pub(super) fn reported_state(report: &EgressReport) -> Option<RecordingState> {
    match report.status {
        EgressStatus::Starting | EgressStatus::Unknown => None,
        EgressStatus::Active | EgressStatus::Ending => Some(RecordingState::Active(active(report))),
        EgressStatus::Complete | EgressStatus::LimitReached => Some(complete(report)),
        EgressStatus::Failed => Some(failed(report, FailureReason::EgressFailed)),
        EgressStatus::Aborted if first_packet(report).is_some() => Some(failed(report, FailureReason::Aborted)),
        EgressStatus::Aborted => Some(failed(report, FailureReason::NoAudio)),
    }
}

fn active(report: &EgressReport) -> Active {
    Active {
        started_at: first_packet(report).or(report.started_at),
    }
}

fn complete(report: &EgressReport) -> RecordingState {
    let key = report
        .file
        .as_ref()
        .and_then(|file| file.key.clone())
        .map(ObjectKey::parse);
    let Some(Ok(object)) = key else {
        return failed(report, FailureReason::NoFile);
    };
    RecordingState::Complete(Complete {
        manifest: object.manifest(),
        object,
        started_at: first_packet(report).or(report.started_at),
        ended_at: ended_at(report),
        size_bytes: report.file.as_ref().and_then(|file| file.size_bytes),
        truncated: report.status == EgressStatus::LimitReached,
    })
}

fn failed(report: &EgressReport, reason: FailureReason) -> RecordingState {
    let error = report.error.clone().or_else(|| report.details.clone());
    let started_at = first_packet(report).or(report.started_at);
    RecordingState::Failed(Failed {
        reason,
        error,
        started_at,
        ended_at: ended_at(report),
    })
}

fn first_packet(report: &EgressReport) -> Option<chrono::DateTime<chrono::Utc>> {
    report.file.as_ref()?.started_at
}

fn ended_at(report: &EgressReport) -> Option<chrono::DateTime<chrono::Utc>> {
    report.file.as_ref().and_then(|file| file.ended_at).or(report.ended_at)
}
