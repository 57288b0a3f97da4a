//! Recordings of Whereby as reports of captures. One recording is one capture of the whole meeting, in one file.

use domain::event::{CaptureReport, CaptureStatus, CapturedFile};

use super::file_name::RecordingFileName;
use super::recording::WherebyRecording;
use super::room::plain_room_name;
use super::wire;

/// Reads `recording.finished`. Returns `None` without an id.
pub fn finished(sent: &wire::Data) -> Option<CaptureReport> {
    if sent.recording_id.is_empty() {
        return None;
    }
    let named = RecordingFileName::parse(&sent.filename);
    let recording = WherebyRecording {
        id: sent.recording_id.clone(),
        session: None,
        room_name: plain_room_name(&sent.room_name).to_owned(),
        file_name: sent.filename.clone(),
        started_at: named.map(|name| name.started_at),
        ended_at: None,
    };
    Some(CaptureReport {
        status: CaptureStatus::Complete,
        ..listed(&recording)
    })
}

/// Translates a recording of a list. One without an end is running.
pub fn listed(recording: &WherebyRecording) -> CaptureReport {
    let status = match recording.ended_at {
        Some(_) => CaptureStatus::Complete,
        None => CaptureStatus::Active,
    };
    CaptureReport {
        platform_id: Some(recording.id.as_str().into()),
        room_sid: Some(recording.room_name.as_str())
            .filter(|name| !name.is_empty())
            .map(Into::into),
        track_sid: None,
        requested_file: None,
        status,
        updated_at: None,
        error: None,
        details: None,
        files: Vec::from_iter(file(recording)),
        manifest_location: None,
        started_at: recording.started_at,
        ended_at: recording.ended_at,
    }
}

/// Returns `None` for a recording without a file name.
fn file(recording: &WherebyRecording) -> Option<CapturedFile> {
    let is_named = !recording.file_name.is_empty();
    is_named.then(|| CapturedFile {
        id: Some(recording.id.as_str().into()),
        mixed: true,
        key: Some(recording.file_name.clone()),
        started_at: recording.started_at,
        ended_at: recording.ended_at,
        ..CapturedFile::default()
    })
}
