//! Reads recordings.

use chrono::{DateTime, Utc};
use domain::{
    EgressId, MeetingId, RecordingId,
    recording::{FailureReason, Recording},
};
use sqlx::PgConnection;

use super::row::RecordingRow;
use crate::StorageError;

/// Finds a recording by its id.
pub async fn find(conn: &mut PgConnection, id: RecordingId) -> Result<Option<Recording>, StorageError> {
    let row = sqlx::query_as!(
        RecordingRow,
        "SELECT id, meeting_id, track_id, identity, platform_room_sid, track_sid, state, reason, error, truncated,
                egress_id, object_key, manifest_key, sha256, size_bytes, samples, duration_ms, offset_ms,
                fit_a_ns, fit_b_ns, requested_at, started_at, ended_at, accepted_at, transcription,
                reported_at, missing_since, last_error, coverage
         FROM recordings
         WHERE id = $1",
        id.0,
    )
    .fetch_optional(conn)
    .await?;
    row.map(Recording::try_from).transpose()
}

/// Finds the recording of an egress.
pub async fn find_by_egress(conn: &mut PgConnection, egress: &EgressId) -> Result<Option<Recording>, StorageError> {
    let row = sqlx::query_as!(
        RecordingRow,
        "SELECT id, meeting_id, track_id, identity, platform_room_sid, track_sid, state, reason, error, truncated,
                egress_id, object_key, manifest_key, sha256, size_bytes, samples, duration_ms, offset_ms,
                fit_a_ns, fit_b_ns, requested_at, started_at, ended_at, accepted_at, transcription,
                reported_at, missing_since, last_error, coverage
         FROM recordings
         WHERE egress_id = $1",
        egress.as_str(),
    )
    .fetch_optional(conn)
    .await?;
    row.map(Recording::try_from).transpose()
}

/// Lists all recordings of a meeting, oldest first.
pub async fn list_for_meeting(conn: &mut PgConnection, meeting: MeetingId) -> Result<Vec<Recording>, StorageError> {
    let rows = sqlx::query_as!(
        RecordingRow,
        "SELECT id, meeting_id, track_id, identity, platform_room_sid, track_sid, state, reason, error, truncated,
                egress_id, object_key, manifest_key, sha256, size_bytes, samples, duration_ms, offset_ms,
                fit_a_ns, fit_b_ns, requested_at, started_at, ended_at, accepted_at, transcription,
                reported_at, missing_since, last_error, coverage
         FROM recordings
         WHERE meeting_id = $1
         ORDER BY id",
        meeting.0,
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Recording::try_from).collect()
}

/// Lists recordings of a meeting, oldest first, after `after`.
pub async fn page_for_meeting(
    conn: &mut PgConnection,
    meeting: MeetingId,
    after: Option<RecordingId>,
    limit: i64,
) -> Result<Vec<Recording>, StorageError> {
    let rows = sqlx::query_as!(
        RecordingRow,
        "SELECT id, meeting_id, track_id, identity, platform_room_sid, track_sid, state, reason, error, truncated,
                egress_id, object_key, manifest_key, sha256, size_bytes, samples, duration_ms, offset_ms,
                fit_a_ns, fit_b_ns, requested_at, started_at, ended_at, accepted_at, transcription,
                reported_at, missing_since, last_error, coverage
         FROM recordings
         WHERE meeting_id = $1 AND ($2::uuid IS NULL OR id > $2)
         ORDER BY id
         LIMIT $3",
        meeting.0,
        after.map(|id| id.0),
        limit,
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Recording::try_from).collect()
}

/// Lists the recordings of all meetings whose egress may still run, oldest first.
pub async fn list_open(conn: &mut PgConnection) -> Result<Vec<Recording>, StorageError> {
    let rows = sqlx::query_as!(
        RecordingRow,
        "SELECT id, meeting_id, track_id, identity, platform_room_sid, track_sid, state, reason, error, truncated,
                egress_id, object_key, manifest_key, sha256, size_bytes, samples, duration_ms, offset_ms,
                fit_a_ns, fit_b_ns, requested_at, started_at, ended_at, accepted_at, transcription,
                reported_at, missing_since, last_error, coverage
         FROM recordings
         WHERE state IN ('requested', 'active')
         ORDER BY id",
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Recording::try_from).collect()
}

/// Lists the recordings whose end the platform may still report, oldest first: those whose egress may still run, and those
/// that we have guessed to have failed since `guessed_after`.
pub async fn list_unconfirmed(
    conn: &mut PgConnection,
    guessed_after: DateTime<Utc>,
) -> Result<Vec<Recording>, StorageError> {
    let guesses: Vec<String> = guesses().map(|reason| reason.to_string()).collect();
    let rows = sqlx::query_as!(
        RecordingRow,
        "SELECT id, meeting_id, track_id, identity, platform_room_sid, track_sid, state, reason, error, truncated,
                egress_id, object_key, manifest_key, sha256, size_bytes, samples, duration_ms, offset_ms,
                fit_a_ns, fit_b_ns, requested_at, started_at, ended_at, accepted_at, transcription,
                reported_at, missing_since, last_error, coverage
         FROM recordings
         WHERE state IN ('requested', 'active')
            OR (state = 'failed' AND object_key IS NULL AND ended_at > $1 AND reason = ANY($2))
         ORDER BY id",
        guessed_after,
        &guesses,
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Recording::try_from).collect()
}

fn guesses() -> impl Iterator<Item = FailureReason> {
    FailureReason::ALL.iter().copied().filter(|reason| reason.is_guess())
}
