//! Writes captures.

use domain::{CaptureId, capture::Capture};
use sqlx::PgConnection;

use crate::StorageError;

/// Inserts or updates a capture as a whole.
///
/// # Errors
/// [`StorageError::Taken`] with `captures_one_open` or `captures_one_open_of_meeting` if another one of the same track or
/// meeting is open.
pub async fn save(conn: &mut PgConnection, capture: &Capture) -> Result<(), StorageError> {
    let (track, failure) = (capture.track(), capture.state.failure());
    sqlx::query!(
        "INSERT INTO captures (id, meeting_id, track_id, track_sid, identity, platform_id, state, reason, error, attempts,
                               earlier_failure, requested_at, started_at, ended_at, reported_at, missing_since,
                               last_error)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
         ON CONFLICT (id) DO UPDATE
         SET platform_id = EXCLUDED.platform_id, state = EXCLUDED.state, reason = EXCLUDED.reason, error = EXCLUDED.error,
             attempts = EXCLUDED.attempts, earlier_failure = EXCLUDED.earlier_failure,
             requested_at = EXCLUDED.requested_at, started_at = EXCLUDED.started_at, ended_at = EXCLUDED.ended_at,
             reported_at = EXCLUDED.reported_at, missing_since = EXCLUDED.missing_since, last_error = EXCLUDED.last_error",
        capture.id.0,
        capture.meeting_id.0,
        track.map(|track| track.id.0),
        track.map(|track| track.sid.as_str()),
        track.map(|track| track.identity.as_str()),
        capture.platform_id.as_ref().map(|id| id.as_str()),
        capture.state.as_str(),
        failure.map(|failure| failure.reason.as_str()),
        failure.and_then(|failure| failure.error.as_deref()),
        capture.attempts,
        capture.earlier_failure.map(|reason| reason.as_str()),
        capture.requested_at,
        capture.state.started_at(),
        capture.state.ended_at(),
        capture.reported_at,
        capture.missing_since,
        capture.last_error.as_deref(),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Deletes a capture that the platform was not asked for, and its recording.
pub async fn delete(conn: &mut PgConnection, id: CaptureId) -> Result<(), StorageError> {
    sqlx::query!("DELETE FROM captures WHERE id = $1", id.0)
        .execute(conn)
        .await?;
    Ok(())
}
