//! Rooms: permanent places with a name and settings.

use chrono::{DateTime, Utc};
use domain::{
    RoomId, RoomName,
    event::PlatformKind,
    room::{ConsentPolicy, Language, RecordingPolicy, Room},
};
use sqlx::PgConnection;

use crate::{StorageError, row::Row};

/// Name of the unique key on a room's name.
pub const NAME_KEY: &str = "rooms_name";

/// Inserts a room.
///
/// # Errors
/// [`StorageError::Taken`] with [`NAME_KEY`] if a room of this name exists.
pub async fn insert(conn: &mut PgConnection, room: &Room) -> Result<(), StorageError> {
    sqlx::query!(
        "INSERT INTO rooms (id, name, platform, recording_policy, consent_policy, language, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        room.id.0,
        room.name.as_str(),
        room.platform.as_str(),
        room.recording.as_str(),
        room.consent.as_str(),
        room.language.as_str(),
        room.created_at,
        room.updated_at,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Inserts a room unless one of this name exists.
pub async fn insert_if_absent(conn: &mut PgConnection, room: &Room) -> Result<(), StorageError> {
    sqlx::query!(
        "INSERT INTO rooms (id, name, platform, recording_policy, consent_policy, language, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (name) WHERE deleted_at IS NULL DO NOTHING",
        room.id.0,
        room.name.as_str(),
        room.platform.as_str(),
        room.recording.as_str(),
        room.consent.as_str(),
        room.language.as_str(),
        room.created_at,
        room.updated_at,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Saves a room's settings. Its name and platform do not change, and neither does a policy of a newer version, which this
/// one has read as `other`.
pub async fn save(conn: &mut PgConnection, room: &Room) -> Result<(), StorageError> {
    sqlx::query!(
        "UPDATE rooms
         SET recording_policy = CASE WHEN $2 = 'other' THEN recording_policy ELSE $2 END,
             consent_policy = CASE WHEN $3 = 'other' THEN consent_policy ELSE $3 END,
             language = $4, updated_at = $5
         WHERE id = $1",
        room.id.0,
        room.recording.as_str(),
        room.consent.as_str(),
        room.language.as_str(),
        room.updated_at,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Finds a room by its id, also a deleted one, whose meetings remain.
pub async fn find(conn: &mut PgConnection, id: RoomId) -> Result<Option<Room>, StorageError> {
    let row = sqlx::query_as!(
        RoomRow,
        "SELECT id, name, platform, recording_policy, consent_policy, language, created_at, updated_at
         FROM rooms
         WHERE id = $1",
        id.0,
    )
    .fetch_optional(conn)
    .await?;
    row.map(Room::try_from).transpose()
}

/// Finds the room that has this name now.
pub async fn find_by_name(conn: &mut PgConnection, name: &RoomName) -> Result<Option<Room>, StorageError> {
    let row = sqlx::query_as!(
        RoomRow,
        "SELECT id, name, platform, recording_policy, consent_policy, language, created_at, updated_at
         FROM rooms
         WHERE name = $1 AND deleted_at IS NULL",
        name.as_str(),
    )
    .fetch_optional(conn)
    .await?;
    row.map(Room::try_from).transpose()
}

/// Finds and locks a room: until the transaction ends, no other one changes the room or its meetings.
pub async fn lock_by_name(conn: &mut PgConnection, name: &RoomName) -> Result<Option<Room>, StorageError> {
    let row = sqlx::query_as!(
        RoomRow,
        "SELECT id, name, platform, recording_policy, consent_policy, language, created_at, updated_at
         FROM rooms
         WHERE name = $1 AND deleted_at IS NULL
         FOR NO KEY UPDATE",
        name.as_str(),
    )
    .fetch_optional(conn)
    .await?;
    row.map(Room::try_from).transpose()
}

/// Like [`find`], with the lock of [`lock_by_name`].
pub async fn lock(conn: &mut PgConnection, id: RoomId) -> Result<Option<Room>, StorageError> {
    let row = sqlx::query_as!(
        RoomRow,
        "SELECT id, name, platform, recording_policy, consent_policy, language, created_at, updated_at
         FROM rooms
         WHERE id = $1
         FOR NO KEY UPDATE",
        id.0,
    )
    .fetch_optional(conn)
    .await?;
    row.map(Room::try_from).transpose()
}

/// Lists rooms in order of their names, after `after`.
pub async fn list(conn: &mut PgConnection, after: Option<&RoomName>, limit: i64) -> Result<Vec<Room>, StorageError> {
    let rows = sqlx::query_as!(
        RoomRow,
        r#"SELECT id, name, platform, recording_policy, consent_policy, language, created_at, updated_at
           FROM rooms
           WHERE deleted_at IS NULL AND ($1::text IS NULL OR name COLLATE "C" > $1 COLLATE "C")
           ORDER BY name COLLATE "C"
           LIMIT $2"#,
        after.map(RoomName::as_str),
        limit,
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Room::try_from).collect()
}

/// Marks a room as deleted; its meetings remain and its name becomes free. Returns whether it existed.
pub async fn delete(conn: &mut PgConnection, id: RoomId, now: DateTime<Utc>) -> Result<bool, StorageError> {
    let deleted = sqlx::query!(
        "UPDATE rooms SET deleted_at = $2 WHERE id = $1 AND deleted_at IS NULL",
        id.0,
        now
    )
    .execute(conn)
    .await?;
    Ok(deleted.rows_affected() == 1)
}

struct RoomRow {
    id: uuid::Uuid,
    name: String,
    platform: String,
    recording_policy: String,
    consent_policy: String,
    language: String,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl TryFrom<RoomRow> for Room {
    type Error = StorageError;

    fn try_from(row: RoomRow) -> Result<Self, StorageError> {
        let at = Row {
            table: "rooms",
            id: &row.id,
        };
        Ok(Self {
            id: RoomId(row.id),
            name: at.read("name", RoomName::parse(row.name))?,
            platform: row.platform.parse().unwrap_or(PlatformKind::Other),
            recording: row.recording_policy.parse().unwrap_or(RecordingPolicy::Other),
            consent: row.consent_policy.parse().unwrap_or(ConsentPolicy::Other),
            language: at.read("language", Language::parse(row.language))?,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

#[cfg(test)]
mod tests {
    use sqlx::PgPool;

    use super::*;
    use crate::support;

    #[sqlx::test]
    async fn a_name_is_taken_until_its_room_is_deleted(pool: PgPool) {
        let mut conn = pool.acquire().await.unwrap();
        let (first, second) = (
            support::room("standup"),
            Room {
                id: support::id(),
                ..support::room("standup")
            },
        );
        insert(&mut conn, &first).await.unwrap();

        let refused = insert(&mut conn, &second).await.unwrap_err();
        let deleted = delete(&mut conn, first.id, support::now()).await.unwrap();
        insert(&mut conn, &second).await.unwrap();

        assert!(refused.is_taken(NAME_KEY), "{refused}");
        assert!(deleted);
        assert_eq!(find_by_name(&mut conn, &second.name).await.unwrap(), Some(second));
        assert_eq!(find(&mut conn, first.id).await.unwrap(), Some(first));
    }

    #[sqlx::test]
    async fn rooms_are_listed_by_name(pool: PgPool) {
        let mut conn = pool.acquire().await.unwrap();
        for name in ["b", "c", "a-z", "a0"] {
            insert(&mut conn, &support::room(name)).await.unwrap();
        }

        let first = list(&mut conn, None, 2).await.unwrap();
        let rest = list(&mut conn, Some(&first[1].name), 9).await.unwrap();

        let names = |rooms: &[Room]| rooms.iter().map(|r| r.name.to_string()).collect::<Vec<_>>();
        assert_eq!(
            (names(&first), names(&rest)),
            (vec!["a-z".into(), "a0".into()], vec!["b".into(), "c".into()])
        );
    }
}
