//! What a capture report says about a recording.

use super::conclusion::Observation;
use super::state::{Active, Complete, Failed, FailureReason, RecordedFile};
use crate::ObjectKey;
use crate::event::{CaptureReport, CaptureStatus};

/// The first words of our recorder's errors, before the colon, that are reasons of their own.
const WORDS: [FailureReason; 7] = [
    FailureReason::NoAudio,
    FailureReason::Interrupted,
    FailureReason::E2ee,
    FailureReason::Video,
    FailureReason::Codec,
    FailureReason::MediaUnreachable,
    FailureReason::NoPackets,
];

/// Returns what a report says; `None` if it only says that a capture was requested.
pub(super) fn observation(report: &CaptureReport) -> Option<Observation> {
    match report.status {
        CaptureStatus::Starting | CaptureStatus::Unknown => None,
        CaptureStatus::Active | CaptureStatus::Ending => Some(Observation::Recording(Active {
            started_at: first_packet(report).or(report.started_at),
        })),
        CaptureStatus::Complete | CaptureStatus::LimitReached => Some(complete(report)),
        CaptureStatus::Failed => Some(Observation::Ended(failed(report, FailureReason::CaptureFailed))),
        CaptureStatus::Aborted => Some(Observation::Ended(failed(report, FailureReason::Aborted))),
    }
}

/// Whether a report is of a capture that ended with a file, whole or cut.
pub(crate) fn brings_file(report: &CaptureReport) -> bool {
    match observation(report) {
        Some(Observation::Stored(_)) => true,
        Some(Observation::Ended(failed)) => failed.file.is_some(),
        _ => false,
    }
}

fn complete(report: &CaptureReport) -> Observation {
    let Some(file) = file(report) else {
        return Observation::Ended(failed(report, FailureReason::NoFile));
    };
    Observation::Stored(Complete {
        file,
        started_at: first_packet(report).or(report.started_at),
        ended_at: ended_at(report),
        truncated: report.status == CaptureStatus::LimitReached,
    })
}

fn failed(report: &CaptureReport, otherwise: FailureReason) -> Failed {
    let error = report.error.clone().or_else(|| report.details.clone());
    let reason = reason(error.as_deref()).unwrap_or(otherwise);
    let listened_from = report.started_at.filter(|_| reason == FailureReason::NoAudio);
    Failed {
        reason,
        error,
        // A recorder may name its file before it has stored it; its size is known only afterwards.
        file: file(report).filter(|file| file.size_bytes.is_some()),
        started_at: first_packet(report).or(listened_from),
        ended_at: ended_at(report),
    }
}

/// Returns the reason that the first word of an error names.
fn reason(error: Option<&str>) -> Option<FailureReason> {
    let (word, _) = error?.split_once(':')?;
    WORDS.into_iter().find(|reason| reason.as_str() == word)
}

fn file(report: &CaptureReport) -> Option<RecordedFile> {
    let file = report.file.as_ref()?;
    let object = ObjectKey::parse(file.key.clone()?).ok()?;
    Some(RecordedFile::new(object, file.size_bytes))
}

fn first_packet(report: &CaptureReport) -> Option<chrono::DateTime<chrono::Utc>> {
    report.file.as_ref()?.started_at
}

fn ended_at(report: &CaptureReport) -> Option<chrono::DateTime<chrono::Utc>> {
    report.file.as_ref().and_then(|file| file.ended_at).or(report.ended_at)
}
