//! Reads recordings.

use chrono::{DateTime, Utc};
use domain::{
    MeetingId, RecordingId,
    recording::{FailureReason, Recording},
};
use sqlx::PgConnection;

use super::row::RecordingRow;
use crate::StorageError;

/// Most abandoned recordings that are listed at once.
const MAX_ABANDONED: i64 = 200;

/// Finds a recording by its id.
pub async fn find(conn: &mut PgConnection, id: RecordingId) -> Result<Option<Recording>, StorageError> {
    let row = sqlx::query_as!(
        RecordingRow,
        "SELECT id, capture_id, meeting_id, track_id, track_sid, identity, mixed, platform_file_id, state, reason, error,
                truncated, object_key, manifest_key, sha256, size_bytes, samples, duration_ms, offset_ms, fit_a_ns,
                fit_b_ns, started_at, ended_at, accepted_at, transcription, missing_since, last_error, coverage
         FROM recordings
         WHERE id = $1",
        id.0,
    )
    .fetch_optional(conn)
    .await?;
    row.map(Recording::try_from).transpose()
}

/// Lists all recordings of a meeting, oldest first.
pub async fn list_for_meeting(conn: &mut PgConnection, meeting: MeetingId) -> Result<Vec<Recording>, StorageError> {
    let rows = sqlx::query_as!(
        RecordingRow,
        "SELECT id, capture_id, meeting_id, track_id, track_sid, identity, mixed, platform_file_id, state, reason, error,
                truncated, object_key, manifest_key, sha256, size_bytes, samples, duration_ms, offset_ms, fit_a_ns,
                fit_b_ns, started_at, ended_at, accepted_at, transcription, missing_since, last_error, coverage
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
        "SELECT id, capture_id, meeting_id, track_id, track_sid, identity, mixed, platform_file_id, state, reason, error,
                truncated, object_key, manifest_key, sha256, size_bytes, samples, duration_ms, offset_ms, fit_a_ns,
                fit_b_ns, started_at, ended_at, accepted_at, transcription, missing_since, last_error, coverage
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

/// Lists recordings that no job works on although their file is to be verified or transcribed, oldest first: those whose
/// job was lost, and those that ended after `ended_after` and were given up an hour ago.
pub async fn list_abandoned(
    conn: &mut PgConnection,
    ended_after: DateTime<Utc>,
) -> Result<Vec<Recording>, StorageError> {
    let rows = sqlx::query_as!(
        RecordingRow,
        "SELECT id, capture_id, meeting_id, track_id, track_sid, identity, mixed, platform_file_id, state, reason, error,
                truncated, object_key, manifest_key, sha256, size_bytes, samples, duration_ms, offset_ms, fit_a_ns,
                fit_b_ns, started_at, ended_at, accepted_at, transcription, missing_since, last_error, coverage
         FROM recordings
         WHERE object_key IS NOT NULL AND transcription = 'pending'
           AND (state = 'complete' OR (state = 'failed' AND (reason <> $1 OR ended_at > $2)))
           AND NOT EXISTS (SELECT 1
                           FROM jobs
                           WHERE payload->>'recording_id' = recordings.id::text
                             AND (state IN ('ready', 'running')
                                  OR (state = 'dead' AND finished_at > now() - interval '1 hour')))
         ORDER BY id
         LIMIT $3",
        FailureReason::NotAccepted.as_str(),
        ended_after,
        MAX_ABANDONED,
    )
    .fetch_all(conn)
    .await?;
    Ok(readable(rows))
}

/// Leaves out rows that cannot be read, so that one does not keep a reconciler from all others.
fn readable(rows: Vec<RecordingRow>) -> Vec<Recording> {
    let read = |row| {
        Recording::try_from(row)
            .inspect_err(|error| tracing::error!(%error, "skipping a recording"))
            .ok()
    };
    rows.into_iter().filter_map(read).collect()
}
