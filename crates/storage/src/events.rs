//! The inbox: every verified webhook once.

use chrono::{DateTime, Utc};
use domain::PlatformRoomSid;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::StorageError;

/// One webhook as it is kept.
#[derive(Clone, Debug)]
pub struct NewEvent<'a> {
    pub id: Uuid,
    pub platform: &'a str,
    /// The platform's own id, or a digest of the body where it gave none.
    pub event_id: &'a str,
    pub name: &'a str,
    pub room_sid: Option<&'a PlatformRoomSid>,
    pub occurred_at: DateTime<Utc>,
    pub received_at: DateTime<Utc>,
    /// As it came, with storage credentials taken out.
    pub body: &'a serde_json::Value,
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It changed a meeting, or confirmed what was known.
    Applied,
    /// Its name is not one that we know.
    UnknownEvent,
    /// Its room is not ours.
    ForeignRoom,
    /// Known, and nothing to us.
    Ignored,
}

impl Outcome {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::UnknownEvent => "unknown_event",
            Self::ForeignRoom => "foreign_room",
            Self::Ignored => "ignored",
        }
    }
}

/// Whether an event is seen for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remembered {
    New,
    Repeated,
}

/// Keeps an event. Of several at once under one id, the others wait for the first one's transaction.
pub async fn remember(conn: &mut PgConnection, event: &NewEvent<'_>) -> Result<Remembered, StorageError> {
    let kept = sqlx::query!(
        "INSERT INTO events (id, platform, event_id, name, room_sid, occurred_at, received_at, body)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (platform, event_id) DO NOTHING",
        event.id,
        event.platform,
        event.event_id,
        event.name,
        event.room_sid.map(PlatformRoomSid::as_str),
        event.occurred_at,
        event.received_at,
        event.body,
    )
    .execute(conn)
    .await?;
    Ok(if kept.rows_affected() == 1 { Remembered::New } else { Remembered::Repeated })
}

/// Notes what became of a remembered event.
pub async fn set_outcome(conn: &mut PgConnection, id: Uuid, outcome: Outcome) -> Result<(), StorageError> {
    sqlx::query!("UPDATE events SET outcome = $2 WHERE id = $1", id, outcome.as_str()).execute(conn).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sqlx::PgPool;

    use super::*;

    #[sqlx::test]
    async fn an_event_is_remembered_once(pool: PgPool) {
        let mut conn = pool.acquire().await.unwrap();
        let at = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let body = json!({"event": "room_started"});
        let event = |id| NewEvent {
            id: Uuid::from_u128(id),
            platform: "livekit",
            event_id: "EV_1",
            name: "room_started",
            room_sid: None,
            occurred_at: at,
            received_at: at,
            body: &body,
        };

        let first = remember(&mut conn, &event(1)).await.unwrap();
        let second = remember(&mut conn, &event(2)).await.unwrap();
        set_outcome(&mut conn, Uuid::from_u128(1), Outcome::Applied).await.unwrap();

        assert_eq!((first, second), (Remembered::New, Remembered::Repeated));
        let kept: Vec<(Uuid, String)> =
            sqlx::query_as("SELECT id, outcome FROM events").fetch_all(&pool).await.unwrap();
        assert_eq!(kept, [(Uuid::from_u128(1), "applied".to_owned())]);
    }
}
