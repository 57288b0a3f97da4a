//! Converts a capture, whose states have different data, to flat columns and back.

use chrono::{DateTime, Utc};
use domain::{
    CaptureId, Identity, MeetingId, PlatformCaptureId, TrackId, TrackSid,
    capture::{Capture, CaptureEnd, CaptureFailure, CaptureState, CaptureTarget, CapturedTrack},
    recording::{Active, FailureReason},
};

use crate::{StorageError, row::Row};

/// The columns of a capture, in the table's order.
pub(super) struct CaptureRow {
    pub id: uuid::Uuid,
    pub meeting_id: uuid::Uuid,
    pub track_id: Option<uuid::Uuid>,
    pub track_sid: Option<String>,
    pub identity: Option<String>,
    pub platform_id: Option<String>,
    pub state: String,
    pub reason: Option<String>,
    pub error: Option<String>,
    pub attempts: i32,
    pub earlier_failure: Option<String>,
    pub requested_at: DateTime<Utc>,
    pub started_at: Option<DateTime<Utc>>,
    pub ended_at: Option<DateTime<Utc>>,
    pub reported_at: Option<DateTime<Utc>>,
    pub missing_since: Option<DateTime<Utc>>,
    pub last_error: Option<String>,
}

impl TryFrom<CaptureRow> for Capture {
    type Error = StorageError;

    fn try_from(row: CaptureRow) -> Result<Self, StorageError> {
        Ok(Self {
            id: CaptureId(row.id),
            meeting_id: MeetingId(row.meeting_id),
            target: target(&row)?,
            state: state(&row),
            platform_id: row.platform_id.map(PlatformCaptureId),
            requested_at: row.requested_at,
            attempts: row.attempts,
            earlier_failure: row.earlier_failure.as_deref().map(reason),
            reported_at: row.reported_at,
            missing_since: row.missing_since,
            last_error: row.last_error,
        })
    }
}

fn target(row: &CaptureRow) -> Result<CaptureTarget, StorageError> {
    let Some(id) = row.track_id else {
        return Ok(CaptureTarget::Meeting);
    };
    Ok(CaptureTarget::Track(CapturedTrack {
        id: TrackId(id),
        sid: TrackSid(known(row, "track_sid", row.track_sid.clone())?),
        identity: Identity(known(row, "identity", row.identity.clone())?),
    }))
}

/// Reads the state. One that this version does not know is over, for a reason that it does not know: nothing is waited for.
fn state(row: &CaptureRow) -> CaptureState {
    let end = |failure| {
        CaptureState::Ended(CaptureEnd {
            failure,
            started_at: row.started_at,
            ended_at: row.ended_at,
        })
    };
    let failure = |reason| CaptureFailure {
        reason,
        error: row.error.clone(),
    };
    match row.state.as_str() {
        "requested" => CaptureState::Requested,
        "active" => CaptureState::Active(Active {
            started_at: row.started_at,
        }),
        "ended" => end(row.reason.as_deref().map(|word| failure(reason(word)))),
        _ => end(Some(failure(FailureReason::Other))),
    }
}

fn reason(word: &str) -> FailureReason {
    word.parse().unwrap_or(FailureReason::Other)
}

/// Returns the value of a column that a captured track requires.
fn known<T>(row: &CaptureRow, column: &'static str, value: Option<T>) -> Result<T, StorageError> {
    let at = Row {
        table: "captures",
        id: &row.id,
    };
    at.read(column, value.ok_or("it is NULL, which a captured track does not allow"))
}
