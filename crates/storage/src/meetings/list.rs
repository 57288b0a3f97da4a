//! Lists meetings.

use chrono::{DateTime, Utc};
use domain::{MeetingId, RoomName, event::PlatformKind};
use sqlx::PgConnection;

use super::read::{MeetingView, ViewRow};
use crate::StorageError;

/// Which meetings are listed. `None` means all.
#[derive(Clone, Debug, Default)]
pub struct MeetingFilter {
    /// Name of the room, also of rooms that were deleted.
    pub room: Option<RoomName>,
    pub platform: Option<PlatformKind>,
    pub is_open: Option<bool>,
    /// Meetings that began at this time or later.
    pub from: Option<DateTime<Utc>>,
    /// Meetings that began before this time.
    pub to: Option<DateTime<Utc>>,
}

/// Lists meetings, newest first, after the meeting with this start and id.
pub async fn list(
    conn: &mut PgConnection,
    filter: &MeetingFilter,
    after: Option<(DateTime<Utc>, MeetingId)>,
    limit: i64,
) -> Result<Vec<MeetingView>, StorageError> {
    let rows = sqlx::query_as!(
        ViewRow,
        r#"SELECT meetings.id, rooms.name AS room, meetings.platform, meetings.started_at, meetings.ended_at,
                  transcripts.state AS "transcript?"
           FROM meetings
           JOIN rooms ON rooms.id = meetings.room_id
           LEFT JOIN transcripts ON transcripts.meeting_id = meetings.id
           WHERE ($1::text IS NULL OR meetings.room_id IN (SELECT id FROM rooms WHERE name = $1))
             AND ($2::text IS NULL OR meetings.platform = $2)
             AND ($3::boolean IS NULL OR (meetings.ended_at IS NULL) = $3)
             AND ($4::timestamptz IS NULL OR meetings.started_at >= $4)
             AND ($5::timestamptz IS NULL OR meetings.started_at < $5)
             AND ($6::timestamptz IS NULL OR (meetings.started_at, meetings.id) < ($6, $7::uuid))
           ORDER BY meetings.started_at DESC, meetings.id DESC
           LIMIT $8"#,
        filter.room.as_ref().map(RoomName::as_str),
        filter.platform.map(PlatformKind::as_str),
        filter.is_open,
        filter.from,
        filter.to,
        after.map(|(started_at, _)| started_at),
        after.map(|(_, id)| id.0),
        limit,
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(MeetingView::try_from).collect()
}
