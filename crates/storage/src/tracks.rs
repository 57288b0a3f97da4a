//! Tracks: published streams.

use chrono::{DateTime, Utc};
use domain::{
    MeetingId, ParticipantId, TrackId, TrackSid,
    track::{NotRecorded, Track, TrackKind, TrackSource},
};
use sqlx::PgConnection;

use crate::StorageError;

/// Inserts or updates a track.
pub async fn save(conn: &mut PgConnection, track: &Track) -> Result<(), StorageError> {
    sqlx::query!(
        "INSERT INTO tracks (id, meeting_id, participant_id, sid, kind, source, mime_type, encrypted,
                             published_at, unpublished_at, not_recorded)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
         ON CONFLICT (id) DO UPDATE
         SET mime_type = EXCLUDED.mime_type,
             encrypted = EXCLUDED.encrypted, published_at = EXCLUDED.published_at,
             unpublished_at = EXCLUDED.unpublished_at, not_recorded = EXCLUDED.not_recorded",
        track.id.0,
        track.meeting_id.0,
        track.participant_id.0,
        track.sid.as_str(),
        track.kind.as_str(),
        track.source.as_str(),
        track.mime_type,
        track.encrypted,
        track.published_at,
        track.unpublished_at,
        track.not_recorded.map(|reason| reason.as_str()),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Finds a track by our own id.
pub async fn find(conn: &mut PgConnection, id: TrackId) -> Result<Option<Track>, StorageError> {
    let row = sqlx::query_as!(
        TrackRow,
        "SELECT id, meeting_id, participant_id, sid, kind, source, mime_type, encrypted,
                published_at, unpublished_at, not_recorded
         FROM tracks
         WHERE id = $1",
        id.0,
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(Track::from))
}

/// Lists the tracks of a meeting in the order in which they were first seen.
pub async fn list_for_meeting(conn: &mut PgConnection, meeting: MeetingId) -> Result<Vec<Track>, StorageError> {
    let rows = sqlx::query_as!(
        TrackRow,
        "SELECT id, meeting_id, participant_id, sid, kind, source, mime_type, encrypted,
                published_at, unpublished_at, not_recorded
         FROM tracks
         WHERE meeting_id = $1
         ORDER BY id",
        meeting.0,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(Track::from).collect())
}

struct TrackRow {
    id: uuid::Uuid,
    meeting_id: uuid::Uuid,
    participant_id: uuid::Uuid,
    sid: String,
    kind: String,
    source: String,
    mime_type: String,
    encrypted: bool,
    published_at: DateTime<Utc>,
    unpublished_at: Option<DateTime<Utc>>,
    not_recorded: Option<String>,
}

impl From<TrackRow> for Track {
    fn from(row: TrackRow) -> Self {
        Self {
            id: TrackId(row.id),
            meeting_id: MeetingId(row.meeting_id),
            participant_id: ParticipantId(row.participant_id),
            sid: TrackSid(row.sid),
            kind: row.kind.parse().unwrap_or(TrackKind::Other),
            source: row.source.parse().unwrap_or(TrackSource::Other),
            mime_type: row.mime_type,
            encrypted: row.encrypted,
            published_at: row.published_at,
            unpublished_at: row.unpublished_at,
            // A newer program may have written a reason that this one does not know.
            not_recorded: row
                .not_recorded
                .map(|reason| reason.parse().unwrap_or(NotRecorded::Other)),
        }
    }
}
