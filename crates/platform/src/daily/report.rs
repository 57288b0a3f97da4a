//! Recordings of Daily as reports of captures. One recording is one capture of the whole call, with a file for each track.

use chrono::{DateTime, TimeDelta, Utc};
use domain::event::{CaptureReport, CaptureStatus};

use super::recording::{DailyRecording, RecordingStatus, track};
use super::track_key;
use super::wire;

/// Reads `recording.started`. Returns `None` without an id.
pub fn started(sent: &wire::Payload) -> Option<CaptureReport> {
    let id = non_empty(&sent.recording_id)?;
    Some(CaptureReport {
        started_at: sent.start_ts,
        ..report(id, CaptureStatus::Active)
    })
}

/// Reads `recording.ready-to-download`. Returns `None` without an id.
pub fn ready(sent: &wire::Payload) -> Option<CaptureReport> {
    let tracks = sent
        .tracks
        .clone()
        .map(|tracks| tracks.into_iter().filter_map(track).collect());
    let recording = DailyRecording {
        id: non_empty(&sent.recording_id)?.to_owned(),
        room: sent.room_name.clone(),
        session: None,
        started_at: sent.start_ts,
        status: RecordingStatus::Finished,
        duration: sent.duration.and_then(TimeDelta::try_seconds),
        key: non_empty(&sent.s3_key).map(str::to_owned),
        tracks,
    };
    Some(listed(&recording))
}

/// Reads `recording.error`, which may not say which recording it was.
pub fn failed(sent: &wire::Payload) -> CaptureReport {
    CaptureReport {
        platform_id: non_empty(&sent.recording_id).map(Into::into),
        error: non_empty(&sent.error_msg).map(str::to_owned),
        ended_at: sent.timestamp,
        ..report("", CaptureStatus::Failed)
    }
}

/// Translates a recording of a list. One that has finished and whose files Daily cannot list goes on ending.
pub fn listed(recording: &DailyRecording) -> CaptureReport {
    let status = match (&recording.status, &recording.tracks) {
        (RecordingStatus::InProgress, _) => CaptureStatus::Active,
        (RecordingStatus::Finished, Some(_)) => CaptureStatus::Complete,
        (RecordingStatus::Finished, None) => CaptureStatus::Ending,
        (RecordingStatus::Canceled, _) => CaptureStatus::Aborted,
        (RecordingStatus::Unknown(_), _) => CaptureStatus::Unknown,
    };
    let started_at = start(recording);
    let ended_at = recording
        .duration
        .and_then(|length| started_at?.checked_add_signed(length));
    CaptureReport {
        room_sid: non_empty(&recording.room).map(Into::into),
        started_at,
        ended_at,
        ..report(&recording.id, status)
    }
}

/// Returns when a recording began: in milliseconds by its key, else in whole seconds.
fn start(recording: &DailyRecording) -> Option<DateTime<Utc>> {
    let digits = recording.key.as_deref().and_then(|key| key.rsplit('/').next());
    let by_key = digits.and_then(track_key::millis);
    by_key.or(recording.started_at)
}

/// Returns a report that says nothing but the id, if there is one, and the status.
pub fn report(id: &str, status: CaptureStatus) -> CaptureReport {
    CaptureReport {
        platform_id: non_empty(id).map(Into::into),
        room_sid: None,
        track_sid: None,
        requested_file: None,
        status,
        updated_at: None,
        error: None,
        details: None,
        files: Vec::new(),
        manifest_location: None,
        started_at: None,
        ended_at: None,
    }
}

fn non_empty(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}
