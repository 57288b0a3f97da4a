//! Lists recordings of all meetings.

use chrono::{DateTime, Utc};
use domain::{RecordingId, RoomName, event::PlatformKind, recording::Recording};
use sqlx::PgConnection;

use super::row::RecordingRow;
use crate::StorageError;

/// Which recordings are listed. `None` means all.
#[derive(Clone, Debug, Default)]
pub struct RecordingFilter {
    /// Name of the room, also of rooms that were deleted.
    pub room: Option<RoomName>,
    pub platform: Option<PlatformKind>,
    /// The state's word, as stored.
    pub state: Option<&'static str>,
    /// Recordings of meetings that began at this time or later.
    pub from: Option<DateTime<Utc>>,
    /// Recordings of meetings that began before this time.
    pub to: Option<DateTime<Utc>>,
}

/// Lists recordings: those of the newest meeting first, and of a meeting the newest first. Begins after `after`; if there is
/// no such recording, the list is empty.
pub async fn list(
    conn: &mut PgConnection,
    filter: &RecordingFilter,
    after: Option<RecordingId>,
    limit: i64,
) -> Result<Vec<Recording>, StorageError> {
    let rows = sqlx::query_as!(
        RecordingRow,
        "SELECT recordings.id, capture_id, meeting_id, track_id, track_sid, identity, mixed, platform_file_id,
                recordings.state, reason, error, truncated, object_key, manifest_key, sha256, size_bytes, samples,
                duration_ms, offset_ms, fit_a_ns, fit_b_ns, recordings.started_at, recordings.ended_at, accepted_at,
                transcription, recordings.missing_since, last_error, coverage
         FROM recordings
         JOIN meetings ON meetings.id = recordings.meeting_id
         WHERE ($1::text IS NULL OR meetings.room_id IN (SELECT id FROM rooms WHERE name = $1))
           AND ($2::text IS NULL OR meetings.platform = $2)
           AND ($3::text IS NULL OR recordings.state = $3)
           AND ($4::timestamptz IS NULL OR meetings.started_at >= $4)
           AND ($5::timestamptz IS NULL OR meetings.started_at < $5)
           AND ($6::uuid IS NULL
                OR (meetings.started_at, recordings.id)
                   < (SELECT m.started_at, r.id
                      FROM recordings r
                      JOIN meetings m ON m.id = r.meeting_id
                      WHERE r.id = $6))
         ORDER BY meetings.started_at DESC, recordings.id DESC
         LIMIT $7",
        filter.room.as_ref().map(RoomName::as_str),
        filter.platform.map(PlatformKind::as_str),
        filter.state,
        filter.from,
        filter.to,
        after.map(|id| id.0),
        limit,
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Recording::try_from).collect()
}
