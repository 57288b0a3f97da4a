//! Converts a recording, whose states have different data, to flat columns and back.

use chrono::{DateTime, Utc};
use domain::{
    CaptureId, Identity, MeetingId, ObjectKey, PlatformFileId, RecordingId, SampleTime, TrackId, TrackSid, UnixNanos,
    manifest::Fit,
    recording::{
        Acceptance, Active, Complete, Failed, FailureReason, RecordedFile, RecordedTrack, Recording, RecordingState,
        Transcription,
    },
};

use crate::{StorageError, row::Row};

/// The reason of a complete recording that a limit cut short.
const TRUNCATED: &str = "truncated";

/// The columns of a recording, in the table's order.
pub(super) struct RecordingRow {
    pub id: uuid::Uuid,
    pub capture_id: uuid::Uuid,
    pub meeting_id: uuid::Uuid,
    pub track_id: Option<uuid::Uuid>,
    pub track_sid: Option<String>,
    pub identity: Option<String>,
    pub mixed: bool,
    pub platform_file_id: Option<String>,
    pub state: String,
    pub reason: Option<String>,
    pub error: Option<String>,
    pub truncated: bool,
    pub object_key: Option<String>,
    pub manifest_key: Option<String>,
    pub sha256: Option<String>,
    pub size_bytes: Option<i64>,
    pub samples: Option<i64>,
    pub duration_ms: Option<i64>,
    pub offset_ms: Option<i64>,
    pub fit_a_ns: Option<i64>,
    pub fit_b_ns: Option<f64>,
    pub started_at: Option<DateTime<Utc>>,
    pub ended_at: Option<DateTime<Utc>>,
    pub accepted_at: Option<DateTime<Utc>>,
    pub transcription: String,
    pub missing_since: Option<DateTime<Utc>>,
    pub last_error: Option<String>,
    pub coverage: Option<serde_json::Value>,
}

/// The data of a state as columns.
#[derive(Default)]
pub(super) struct StateColumns<'a> {
    pub reason: Option<&'a str>,
    pub error: Option<&'a str>,
    pub truncated: bool,
    pub object_key: Option<&'a str>,
    pub manifest_key: Option<&'a str>,
    pub size_bytes: Option<i64>,
    pub started_at: Option<DateTime<Utc>>,
    pub ended_at: Option<DateTime<Utc>>,
}

impl<'a> From<&'a RecordingState> for StateColumns<'a> {
    fn from(state: &'a RecordingState) -> Self {
        match state {
            RecordingState::Requested => Self::default(),
            RecordingState::Active(active) => Self {
                started_at: active.started_at,
                ..Self::default()
            },
            RecordingState::Complete(complete) => Self {
                reason: complete.truncated.then_some(TRUNCATED),
                error: None,
                truncated: complete.truncated,
                started_at: complete.started_at,
                ended_at: complete.ended_at,
                ..Self::file(Some(&complete.file))
            },
            RecordingState::Failed(failed) => Self {
                reason: Some(failed.reason.as_str()),
                error: failed.error.as_deref(),
                started_at: failed.started_at,
                ended_at: failed.ended_at,
                ..Self::file(failed.file.as_ref())
            },
        }
    }
}

impl<'a> StateColumns<'a> {
    fn file(file: Option<&'a RecordedFile>) -> Self {
        Self {
            object_key: file.map(|file| file.object.as_str()),
            manifest_key: file.map(|file| file.manifest.as_str()),
            size_bytes: file.and_then(|file| file.size_bytes),
            ..Self::default()
        }
    }
}

impl TryFrom<RecordingRow> for Recording {
    type Error = StorageError;

    fn try_from(row: RecordingRow) -> Result<Self, StorageError> {
        let state = state(&row)?;
        let acceptance = row
            .accepted_at
            .map(|accepted_at| acceptance(&row, accepted_at))
            .transpose()?;
        // One that this version does not know is still going on, in a newer one.
        let transcription = row.transcription.parse().unwrap_or(Transcription::Pending);
        let track = row.track_id.zip(row.track_sid).map(|(id, sid)| RecordedTrack {
            id: TrackId(id),
            sid: TrackSid(sid),
        });
        Ok(Self {
            id: RecordingId(row.id),
            capture_id: CaptureId(row.capture_id),
            meeting_id: MeetingId(row.meeting_id),
            identity: row.identity.map(Identity),
            track,
            mixed: row.mixed,
            platform_file_id: row.platform_file_id.map(PlatformFileId),
            state,
            missing_since: row.missing_since,
            last_error: row.last_error,
            acceptance,
            transcription,
        })
    }
}

fn state(row: &RecordingRow) -> Result<RecordingState, StorageError> {
    let (started_at, ended_at) = (row.started_at, row.ended_at);
    match row.state.as_str() {
        "requested" => Ok(RecordingState::Requested),
        "active" => Ok(RecordingState::Active(Active { started_at })),
        "complete" => Ok(RecordingState::Complete(Complete {
            file: file(row)?,
            started_at,
            ended_at,
            truncated: row.truncated,
        })),
        // A state that this version does not know is taken for a failure of an unknown reason: nothing is waited for.
        state => Ok(RecordingState::Failed(Failed {
            reason: match state {
                "failed" => reason(known(row, "reason", row.reason.as_deref())?),
                _ => FailureReason::Other,
            },
            error: row.error.clone(),
            file: row.object_key.is_some().then(|| file(row)).transpose()?,
            started_at,
            ended_at,
        })),
    }
}

/// Reads a reason. A newer program may have written one that this program does not know, which must not keep it from the
/// meeting.
fn reason(word: &str) -> FailureReason {
    word.parse().unwrap_or(FailureReason::Other)
}

fn file(row: &RecordingRow) -> Result<RecordedFile, StorageError> {
    Ok(RecordedFile {
        object: key(row, "object_key", row.object_key.as_deref())?,
        manifest: key(row, "manifest_key", row.manifest_key.as_deref())?,
        size_bytes: row.size_bytes,
    })
}

fn acceptance(row: &RecordingRow, accepted_at: DateTime<Utc>) -> Result<Acceptance, StorageError> {
    Ok(Acceptance {
        accepted_at,
        sha256: known(row, "sha256", row.sha256.clone())?,
        size_bytes: known(row, "size_bytes", row.size_bytes)?,
        samples: SampleTime(known(row, "samples", row.samples)?),
        duration_ms: known(row, "duration_ms", row.duration_ms)?,
        offset_ms: known(row, "offset_ms", row.offset_ms)?,
        fit: Fit {
            a_ns: UnixNanos(known(row, "fit_a_ns", row.fit_a_ns)?),
            b_ns: known(row, "fit_b_ns", row.fit_b_ns)?,
        },
        coverage: at(row).read_optional("coverage", row.coverage.clone().map(serde_json::from_value))?,
    })
}

fn at(row: &RecordingRow) -> Row<'_> {
    Row {
        table: "recordings",
        id: &row.id,
    }
}

/// Returns the value of a column that the row's state requires.
fn known<T>(row: &RecordingRow, column: &'static str, value: Option<T>) -> Result<T, StorageError> {
    at(row).read(column, value.ok_or("it is NULL, which the row's state does not allow"))
}

fn key(row: &RecordingRow, column: &'static str, value: Option<&str>) -> Result<ObjectKey, StorageError> {
    at(row).read(column, ObjectKey::parse(known(row, column, value)?))
}
