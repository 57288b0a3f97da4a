//! Reads the feed.

use chrono::{DateTime, Utc};
use domain::{FeedEventId, MeetingId, feed::FeedEvent};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::StorageError;

/// Positions that one statement looks at, so that a filter that matches little does not read the whole feed.
const WINDOW: i64 = 5_000;

/// Which part of the feed exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeedHead {
    /// The newest position; 0 if nothing was ever published.
    pub last: i64,
    /// The newest position that was deleted because of its age; 0 if none was.
    pub deleted: i64,
}

/// Which events a reader wants. A field that is empty allows all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeedFilter {
    pub meeting_id: Option<MeetingId>,
    /// The name of a room.
    pub room: Option<String>,
    /// Names of types.
    pub types: Vec<String>,
}

impl FeedFilter {
    /// Whether the reader wants the event.
    pub fn allows(&self, event: &FeedEvent) -> bool {
        self.meeting_id.is_none_or(|id| event.meeting_id == Some(id))
            && self.room.as_ref().is_none_or(|room| event.room.as_ref() == Some(room))
            && (self.types.is_empty() || self.types.contains(&event.kind))
    }
}

/// A part of the feed: the wanted events among all up to a position.
#[derive(Clone, Debug, PartialEq)]
pub struct FeedWindow {
    pub events: Vec<FeedEvent>,
    /// All wanted events up to this position are known.
    pub until: i64,
}

/// Returns which part of the feed exists.
pub async fn head(conn: &mut PgConnection) -> Result<FeedHead, StorageError> {
    let row = sqlx::query!("SELECT last_position, deleted_position FROM feed_head")
        .fetch_one(conn)
        .await?;
    Ok(FeedHead {
        last: row.last_position,
        deleted: row.deleted_position,
    })
}

/// Reads wanted events after position `after`, in their order: at most `limit`, and none after `until`.
pub async fn read(
    conn: &mut PgConnection,
    filter: &FeedFilter,
    after: i64,
    until: i64,
    limit: i64,
) -> Result<FeedWindow, StorageError> {
    let window_end = until.min(after.saturating_add(WINDOW));
    let rows = sqlx::query_as!(
        FeedRow,
        r#"SELECT position AS "position!", id, type AS kind, occurred_at, room, meeting_id, data
           FROM feed
           WHERE position > $1 AND position <= $2
             AND ($3::uuid IS NULL OR meeting_id = $3) AND ($4::text IS NULL OR room = $4)
             AND (cardinality($5::text[]) = 0 OR type = ANY ($5))
           ORDER BY position
           LIMIT $6"#,
        after,
        window_end,
        filter.meeting_id.map(|id| id.0),
        filter.room,
        &filter.types,
        limit,
    )
    .fetch_all(conn)
    .await?;
    let events: Vec<_> = rows.into_iter().map(FeedEvent::from).collect();
    let until = match events.last() {
        Some(last) if i64::try_from(events.len()).unwrap_or(i64::MAX) >= limit => last.position,
        _ => window_end,
    };
    Ok(FeedWindow { events, until })
}

struct FeedRow {
    position: i64,
    id: Uuid,
    kind: String,
    occurred_at: DateTime<Utc>,
    room: Option<String>,
    meeting_id: Option<Uuid>,
    data: serde_json::Value,
}

impl From<FeedRow> for FeedEvent {
    fn from(row: FeedRow) -> Self {
        Self {
            position: row.position,
            id: FeedEventId(row.id),
            kind: row.kind,
            occurred_at: row.occurred_at,
            room: row.room,
            meeting_id: row.meeting_id.map(MeetingId),
            data: row.data,
        }
    }
}
