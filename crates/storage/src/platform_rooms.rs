//! Rooms that we made on a platform, each for one meeting. LiveKit makes its own, which are not stored.

use chrono::{DateTime, Utc};
use domain::{
    PlatformRoomId, PlatformRoomKey, RoomId,
    event::PlatformKind,
    platform_room::{MadeRoom, PlatformRoom},
};
use sqlx::PgConnection;

use crate::StorageError;

/// Inserts a platform room, unless its room has one that has not ended, or another process has stored the same one.
pub async fn insert_if_absent(conn: &mut PgConnection, platform_room: &PlatformRoom) -> Result<(), StorageError> {
    let made = &platform_room.made;
    sqlx::query!(
        "INSERT INTO platform_rooms (id, room_id, platform, key, url, host_url, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT DO NOTHING",
        platform_room.id.0,
        platform_room.room_id.0,
        platform_room.platform.as_str(),
        made.key.as_str(),
        made.url,
        made.host_url.as_ref().map(|url| url.expose()),
        platform_room.created_at,
        made.expires_at,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Finds the platform room of a room that has not ended.
pub async fn find_current(conn: &mut PgConnection, room: RoomId) -> Result<Option<PlatformRoom>, StorageError> {
    let row = sqlx::query_as!(
        PlatformRoomRow,
        "SELECT id, room_id, platform, key, url, host_url, created_at, expires_at
         FROM platform_rooms
         WHERE room_id = $1 AND ended_at IS NULL",
        room.0,
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(PlatformRoom::from))
}

/// Finds a platform room by the platform's id, also one that has ended.
pub async fn find_by_key(
    conn: &mut PgConnection,
    platform: PlatformKind,
    key: &PlatformRoomKey,
) -> Result<Option<PlatformRoom>, StorageError> {
    let row = sqlx::query_as!(
        PlatformRoomRow,
        "SELECT id, room_id, platform, key, url, host_url, created_at, expires_at
         FROM platform_rooms
         WHERE platform = $1 AND key = $2",
        platform.as_str(),
        key.as_str(),
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(PlatformRoom::from))
}

/// Counts the platform rooms that a room has had.
pub async fn count(conn: &mut PgConnection, room: RoomId) -> Result<i64, StorageError> {
    let count = sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM platform_rooms WHERE room_id = $1"#,
        room.0
    )
    .fetch_one(conn)
    .await?;
    Ok(count)
}

/// Ends the platform room of a meeting that has closed, unless another meeting is open in it.
pub(crate) async fn end_with_meeting(
    conn: &mut PgConnection,
    platform: PlatformKind,
    key: &PlatformRoomKey,
    ended_at: DateTime<Utc>,
) -> Result<(), StorageError> {
    sqlx::query!(
        "UPDATE platform_rooms
         SET ended_at = $3
         WHERE platform = $1 AND key = $2 AND ended_at IS NULL
           AND NOT EXISTS (SELECT 1 FROM meetings
                           WHERE meetings.platform = $1 AND platform_room_key = $2 AND state = 'open')",
        platform.as_str(),
        key.as_str(),
        ended_at,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Ends the platform rooms of deleted rooms and those that have expired, unless a meeting is open in them. Returns how many.
pub async fn end_unused(conn: &mut PgConnection, now: DateTime<Utc>) -> Result<u64, StorageError> {
    let ended = sqlx::query!(
        "UPDATE platform_rooms
         SET ended_at = $1
         FROM rooms
         WHERE rooms.id = platform_rooms.room_id AND ended_at IS NULL
           AND (expires_at <= $1 OR rooms.deleted_at IS NOT NULL)
           AND NOT EXISTS (SELECT 1 FROM meetings
                           WHERE meetings.platform = platform_rooms.platform AND platform_room_key = key
                             AND state = 'open')",
        now,
    )
    .execute(conn)
    .await?;
    Ok(ended.rows_affected())
}

/// Ends the platform room of a room if it has expired at `now`, or expires before `until` and no meeting is open in it.
pub async fn end_expiring(
    conn: &mut PgConnection,
    room: RoomId,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<(), StorageError> {
    sqlx::query!(
        "UPDATE platform_rooms
         SET ended_at = $2
         WHERE room_id = $1 AND ended_at IS NULL AND expires_at < $3
           AND (expires_at <= $2
                OR NOT EXISTS (SELECT 1 FROM meetings
                               WHERE meetings.platform = platform_rooms.platform AND platform_room_key = key
                                 AND state = 'open'))",
        room.0,
        now,
        until,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Ends a platform room.
pub async fn end(conn: &mut PgConnection, id: PlatformRoomId, now: DateTime<Utc>) -> Result<(), StorageError> {
    sqlx::query!(
        "UPDATE platform_rooms SET ended_at = $2 WHERE id = $1 AND ended_at IS NULL",
        id.0,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Lists platform rooms that have ended and that the platform may still have, the longest ended first.
pub async fn list_to_remove(
    conn: &mut PgConnection,
    platform: PlatformKind,
    limit: i64,
) -> Result<Vec<PlatformRoom>, StorageError> {
    let rows = sqlx::query_as!(
        PlatformRoomRow,
        "SELECT id, room_id, platform, key, url, host_url, created_at, expires_at
         FROM platform_rooms
         WHERE platform = $1 AND ended_at IS NOT NULL AND removed_at IS NULL
           AND NOT EXISTS (SELECT 1 FROM meetings
                           WHERE meetings.platform = $1 AND platform_room_key = key AND state = 'open')
         ORDER BY ended_at, id
         LIMIT $2",
        platform.as_str(),
        limit,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(PlatformRoom::from).collect())
}

/// Notes that the platform no longer has a room.
pub async fn set_removed(conn: &mut PgConnection, id: PlatformRoomId, now: DateTime<Utc>) -> Result<(), StorageError> {
    sqlx::query!("UPDATE platform_rooms SET removed_at = $2 WHERE id = $1", id.0, now)
        .execute(conn)
        .await?;
    Ok(())
}

struct PlatformRoomRow {
    id: uuid::Uuid,
    room_id: uuid::Uuid,
    platform: String,
    key: String,
    url: String,
    host_url: Option<String>,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
}

impl From<PlatformRoomRow> for PlatformRoom {
    fn from(row: PlatformRoomRow) -> Self {
        Self {
            id: PlatformRoomId(row.id),
            room_id: RoomId(row.room_id),
            platform: row.platform.parse().unwrap_or(PlatformKind::Other),
            made: MadeRoom {
                key: PlatformRoomKey(row.key),
                url: row.url,
                host_url: row.host_url.map(Into::into),
                expires_at: row.expires_at,
            },
            created_at: row.created_at,
        }
    }
}

#[cfg(test)]
mod tests;
