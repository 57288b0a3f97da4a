//! Recordings of Daily as reports of captures. One recording is one capture of the whole call, with a file for each track.

use chrono::{DateTime, TimeDelta, Utc};
use domain::event::{CaptureReport, CaptureStatus, CapturedFile};

use super::presence::DailyMeeting;
use super::recording::{DailyRecording, RecordingStatus, RecordingTrack, track};
use super::track_key::{self, TrackKey};
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
        files: recording
            .tracks
            .iter()
            .flatten()
            .filter_map(|track| file(track, ended_at))
            .collect(),
        ..report(&recording.id, status)
    }
}

/// Names the people of whose connections Daily's list of calls tells. Of others nobody will ever tell, so nothing waits for
/// it.
pub fn name_people(report: &mut CaptureReport, calls: &[DailyMeeting]) {
    let people = || {
        calls
            .iter()
            .flat_map(|call| &call.people)
            .map(|attendance| &attendance.person)
    };
    for file in &mut report.files {
        let Some(sid) = file.participant_sid.take() else {
            continue;
        };
        let person = people().find(|person| person.session_id == sid.as_str());
        file.identity = person.map(|person| person.user_id.as_str().into());
    }
}

/// Returns when a recording began: in milliseconds by its key, else in whole seconds.
fn start(recording: &DailyRecording) -> Option<DateTime<Utc>> {
    let digits = recording.key.as_deref().and_then(|key| key.rsplit('/').next());
    let by_key = digits.and_then(track_key::millis);
    by_key.or(recording.started_at)
}

/// Returns `None` for a file without sound. A key that is not as documented may still be a sound.
fn file(track: &RecordingTrack, ended_at: Option<DateTime<Utc>>) -> Option<CapturedFile> {
    let key = TrackKey::parse(&track.key);
    let is_audio = key.as_ref().map_or(track.is_audio, |key| key.media.is_audio());
    is_audio.then(|| CapturedFile {
        id: Some(track.key.as_str().into()),
        participant_sid: key.as_ref().map(|key| key.session_id.as_str().into()),
        key: Some(track.key.clone()),
        started_at: key.map(|key| key.track_started_at),
        ended_at,
        size_bytes: track.size_bytes,
        ..CapturedFile::default()
    })
}

/// Returns a report that says nothing but the id, if there is one, and the status.
fn report(id: &str, status: CaptureStatus) -> CaptureReport {
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

#[cfg(test)]
mod tests {
    use super::*;

    const SESSION: &str = "1f6f0a9e-7d0f-4a36-8a53-5f0f7c5a1b11";

    fn recording(tracks: Option<Vec<RecordingTrack>>) -> DailyRecording {
        DailyRecording {
            id: "r1".to_owned(),
            room: "room".to_owned(),
            session: None,
            started_at: DateTime::from_timestamp(1_772_355_605, 0),
            status: RecordingStatus::Finished,
            duration: Some(TimeDelta::seconds(61)),
            key: Some("acme/room/1772355605120".to_owned()),
            tracks,
        }
    }

    fn track(key: &str, is_audio: bool) -> RecordingTrack {
        RecordingTrack {
            key: key.to_owned(),
            size_bytes: Some(7),
            is_audio,
        }
    }

    #[test]
    fn every_sound_is_a_file_of_its_connection_and_times_are_in_milliseconds() {
        let key = |media: &str| format!("acme/room/1772355605120-{SESSION}-{media}-1772355606480");
        let tracks = [
            (key("cam-audio"), true),
            (key("cam-video"), false),
            ("odd".to_owned(), true),
            ("odd2".to_owned(), false),
        ];
        let tracks = tracks.iter().map(|(key, is_audio)| track(key, *is_audio)).collect();

        let report = listed(&recording(Some(tracks)));

        assert_eq!(report.status, CaptureStatus::Complete);
        assert_eq!(report.started_at.unwrap().timestamp_millis(), 1_772_355_605_120);
        assert_eq!(report.ended_at.unwrap().timestamp_millis(), 1_772_355_666_120);
        let ids: Vec<_> = report
            .files
            .iter()
            .map(|file| file.id.as_ref().unwrap().as_str())
            .collect();
        assert_eq!(ids, [key("cam-audio").as_str(), "odd"]);
        assert_eq!(report.files[0].participant_sid.as_ref().unwrap().as_str(), SESSION);
        assert_eq!(
            report.files[0].started_at.unwrap().timestamp_millis(),
            1_772_355_606_480
        );
        assert_eq!(report.files[1].participant_sid, None);
    }

    #[test]
    fn a_finished_recording_whose_files_are_not_known_goes_on_ending() {
        let report = listed(&recording(None));

        assert_eq!((report.status, report.files.len()), (CaptureStatus::Ending, 0));
    }
}
