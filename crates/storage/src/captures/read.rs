//! Reads captures.

use chrono::{DateTime, Utc};
use domain::{CaptureId, MeetingId, capture::Capture, recording::FailureReason};
use sqlx::PgConnection;

use super::row::CaptureRow;
use crate::StorageError;

/// Finds a capture by its id.
pub async fn find(conn: &mut PgConnection, id: CaptureId) -> Result<Option<Capture>, StorageError> {
    let found = list(conn, &[id]).await?;
    Ok(found.into_iter().next())
}

/// Lists the captures with these ids, in any order.
pub async fn list(conn: &mut PgConnection, ids: &[CaptureId]) -> Result<Vec<Capture>, StorageError> {
    let ids: Vec<uuid::Uuid> = ids.iter().map(|id| id.0).collect();
    let rows = sqlx::query_as!(
        CaptureRow,
        "SELECT id, meeting_id, track_id, track_sid, identity, platform_id, state, reason, error, attempts,
                earlier_failure, requested_at, started_at, ended_at, reported_at, missing_since, last_error
         FROM captures
         WHERE id = ANY($1)",
        &ids,
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Capture::try_from).collect()
}

/// Lists all captures of a meeting, oldest first.
pub async fn list_for_meeting(conn: &mut PgConnection, meeting: MeetingId) -> Result<Vec<Capture>, StorageError> {
    let rows = sqlx::query_as!(
        CaptureRow,
        "SELECT id, meeting_id, track_id, track_sid, identity, platform_id, state, reason, error, attempts,
                earlier_failure, requested_at, started_at, ended_at, reported_at, missing_since, last_error
         FROM captures
         WHERE meeting_id = $1
         ORDER BY id",
        meeting.0,
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Capture::try_from).collect()
}

/// Lists the captures of all meetings that may still be running, oldest first.
pub async fn list_open(conn: &mut PgConnection) -> Result<Vec<Capture>, StorageError> {
    let rows = sqlx::query_as!(
        CaptureRow,
        "SELECT id, meeting_id, track_id, track_sid, identity, platform_id, state, reason, error, attempts,
                earlier_failure, requested_at, started_at, ended_at, reported_at, missing_since, last_error
         FROM captures
         WHERE state IN ('requested', 'active')
         ORDER BY id",
    )
    .fetch_all(conn)
    .await?;
    Ok(readable(rows))
}

/// Lists the captures whose end the platform may still report, oldest first: those that may still be running, and those that
/// we have guessed to have failed since `guessed_after` and that have no file.
pub async fn list_unconfirmed(
    conn: &mut PgConnection,
    guessed_after: DateTime<Utc>,
) -> Result<Vec<Capture>, StorageError> {
    let guesses: Vec<String> = guesses().map(|reason| reason.to_string()).collect();
    let rows = sqlx::query_as!(
        CaptureRow,
        "SELECT id, meeting_id, track_id, track_sid, identity, platform_id, state, reason, error, attempts,
                earlier_failure, requested_at, started_at, ended_at, reported_at, missing_since, last_error
         FROM captures
         WHERE state IN ('requested', 'active')
            OR (reason = ANY($2) AND ended_at > $1
                AND NOT EXISTS (SELECT 1
                                FROM recordings
                                WHERE capture_id = captures.id AND object_key IS NOT NULL))
         ORDER BY id",
        guessed_after,
        &guesses,
    )
    .fetch_all(conn)
    .await?;
    Ok(readable(rows))
}

/// Leaves out rows that cannot be read, so that one does not keep a reconciler from all others.
fn readable(rows: Vec<CaptureRow>) -> Vec<Capture> {
    let read = |row| {
        Capture::try_from(row)
            .inspect_err(|error| tracing::error!(%error, "skipping a capture"))
            .ok()
    };
    rows.into_iter().filter_map(read).collect()
}

fn guesses() -> impl Iterator<Item = FailureReason> {
    FailureReason::ALL.iter().copied().filter(|reason| reason.is_guess())
}
