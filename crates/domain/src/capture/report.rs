//! What a report says about a capture and its files.

use chrono::{DateTime, Utc};

use crate::ObjectKey;
use crate::event::{CaptureReport, CaptureStatus, CapturedFile};
use crate::recording::conclusion::Observation;
use crate::recording::{Active, Complete, Failed, FailureReason, RecordedFile};

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

/// Returns what a report says of its capture and, if that writes one file, of the file; `None` if it only says that a capture
/// was requested.
pub(super) fn observation(report: &CaptureReport) -> Option<Observation> {
    observation_with(report, report.files.first())
}

/// Returns what a report says about one of its files; `None` if the file is not stored yet.
pub(crate) fn file_observation(report: &CaptureReport, file: &CapturedFile) -> Option<Observation> {
    observation_with(report, Some(file)).filter(has_file)
}

/// Whether a report is of a capture that ended with a file, whole or cut.
pub(crate) fn brings_file(report: &CaptureReport) -> bool {
    observation(report).as_ref().is_some_and(has_file)
}

fn has_file(observation: &Observation) -> bool {
    match observation {
        Observation::Stored(_) => true,
        Observation::Ended(failed) => failed.file.is_some(),
        _ => false,
    }
}

fn observation_with(report: &CaptureReport, file: Option<&CapturedFile>) -> Option<Observation> {
    match report.status {
        CaptureStatus::Starting | CaptureStatus::Unknown => None,
        CaptureStatus::Active | CaptureStatus::Ending => Some(Observation::Recording(Active {
            started_at: first_packet(file).or(report.started_at),
        })),
        CaptureStatus::Complete | CaptureStatus::LimitReached => Some(complete(report, file)),
        CaptureStatus::Failed => Some(Observation::Ended(failed(report, file, FailureReason::CaptureFailed))),
        CaptureStatus::Aborted => Some(Observation::Ended(failed(report, file, FailureReason::Aborted))),
    }
}

fn complete(report: &CaptureReport, file: Option<&CapturedFile>) -> Observation {
    let Some(recorded) = file.and_then(recorded) else {
        return Observation::Ended(failed(report, file, FailureReason::NoFile));
    };
    Observation::Stored(Complete {
        file: recorded,
        started_at: first_packet(file).or(report.started_at),
        ended_at: ended_at(report, file),
        truncated: report.status == CaptureStatus::LimitReached,
    })
}

fn failed(report: &CaptureReport, file: Option<&CapturedFile>, otherwise: FailureReason) -> Failed {
    let error = report.error.clone().or_else(|| report.details.clone());
    let reason = reason(error.as_deref()).unwrap_or(otherwise);
    let listened_from = report.started_at.filter(|_| reason == FailureReason::NoAudio);
    Failed {
        reason,
        error,
        // A recorder may name its file before it has stored it; its size is known only afterwards.
        file: file.and_then(recorded).filter(|file| file.size_bytes.is_some()),
        started_at: first_packet(file).or(listened_from),
        ended_at: ended_at(report, file),
    }
}

/// Returns the reason that the first word of an error names.
fn reason(error: Option<&str>) -> Option<FailureReason> {
    let (word, _) = error?.split_once(':')?;
    WORDS.into_iter().find(|reason| reason.as_str() == word)
}

fn recorded(file: &CapturedFile) -> Option<RecordedFile> {
    let object = ObjectKey::parse(file.key.clone()?).ok()?;
    Some(RecordedFile::new(object, file.size_bytes))
}

fn first_packet(file: Option<&CapturedFile>) -> Option<DateTime<Utc>> {
    file?.started_at
}

fn ended_at(report: &CaptureReport, file: Option<&CapturedFile>) -> Option<DateTime<Utc>> {
    file.and_then(|file| file.ended_at).or(report.ended_at)
}
