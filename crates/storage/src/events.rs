//! The inbox: every verified webhook, once.

use chrono::{DateTime, Utc};
use domain::{
    PlatformRoomSid,
    event::{PlatformEvent, PlatformKind},
    meeting::Outcome,
};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{StorageError, row::Row};

/// Deferred events of one platform room that are read at most. A room normally has a few; more suggest abuse.
const MAX_DEFERRED: i64 = 500;

/// A webhook to store.
#[derive(Clone, Debug)]
pub struct NewEvent<'a> {
    pub id: Uuid,
    pub event: &'a PlatformEvent,
    pub received_at: DateTime<Utc>,
    /// The body as received, without storage credentials.
    pub body: &'a serde_json::Value,
}

/// Whether an event is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remembered {
    New,
    Repeated,
}

/// Stores an event unless it is already stored. A simultaneous duplicate waits for the first one's transaction.
pub async fn remember(conn: &mut PgConnection, new: &NewEvent<'_>) -> Result<Remembered, StorageError> {
    let event = new.event;
    let parsed =
        serde_json::to_value(event).expect("an event contains texts, times and numbers, which JSON can represent");
    let inserted = sqlx::query!(
        "INSERT INTO events (id, platform, event_id, name, room_sid, occurred_at, received_at, body, event)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         ON CONFLICT (platform, event_id) DO NOTHING",
        new.id,
        event.key.platform.as_str(),
        event.key.id,
        event.name,
        event.room.as_ref().map(|room| room.sid.as_str()),
        event.occurred_at,
        new.received_at,
        new.body,
        parsed,
    )
    .execute(conn)
    .await?;
    Ok(if inserted.rows_affected() == 1 {
        Remembered::New
    } else {
        Remembered::Repeated
    })
}

/// Sets the outcome of a stored event.
pub async fn set_outcome(conn: &mut PgConnection, id: Uuid, outcome: Outcome) -> Result<(), StorageError> {
    sqlx::query!("UPDATE events SET outcome = $2 WHERE id = $1", id, outcome.as_str())
        .execute(conn)
        .await?;
    Ok(())
}

/// Lists the deferred events of a platform room, which later events may let the domain judge, in order of receipt.
pub async fn list_deferred(
    conn: &mut PgConnection,
    platform: PlatformKind,
    sid: &PlatformRoomSid,
) -> Result<Vec<PlatformEvent>, StorageError> {
    let rows = sqlx::query!(
        "SELECT id, event
         FROM events
         WHERE platform = $1 AND room_sid = $2 AND outcome = 'deferred'
         ORDER BY received_at, id
         LIMIT $3",
        platform.as_str(),
        sid.as_str(),
        MAX_DEFERRED,
    )
    .fetch_all(conn)
    .await?;
    let read = |id: Uuid, event| {
        Row {
            table: "events",
            id: &id,
        }
        .read("event", serde_json::from_value(event))
    };
    rows.into_iter().map(|row| read(row.id, row.event)).collect()
}

#[cfg(test)]
mod tests {
    use domain::event::{EventKey, EventKind, EventRoom};
    use serde_json::json;
    use sqlx::PgPool;

    use super::*;
    use crate::support;

    fn event(key: &str) -> PlatformEvent {
        PlatformEvent {
            key: EventKey {
                platform: PlatformKind::Livekit,
                id: key.to_owned(),
            },
            name: "room_started".to_owned(),
            occurred_at: support::now(),
            room: Some(EventRoom {
                name: "standup".to_owned(),
                sid: "RM_1".into(),
                created_at: None,
            }),
            kind: EventKind::MeetingStarted,
        }
    }

    async fn receive(conn: &mut PgConnection, id: u128, event: &PlatformEvent) -> Remembered {
        let body = json!({"event": "room_started"});
        let new = NewEvent {
            id: Uuid::from_u128(id),
            event,
            received_at: support::now(),
            body: &body,
        };
        remember(conn, &new).await.unwrap()
    }

    #[sqlx::test]
    async fn an_event_is_stored_once(pool: PgPool) {
        let mut conn = pool.acquire().await.unwrap();

        let first = receive(&mut conn, 1, &event("EV_1")).await;
        let second = receive(&mut conn, 2, &event("EV_1")).await;

        assert_eq!((first, second), (Remembered::New, Remembered::Repeated));
    }

    #[sqlx::test]
    async fn deferred_events_come_back_as_they_were(pool: PgPool) {
        let mut conn = pool.acquire().await.unwrap();
        receive(&mut conn, 1, &event("EV_1")).await;
        receive(&mut conn, 2, &event("EV_2")).await;

        set_outcome(&mut conn, Uuid::from_u128(1), Outcome::Applied)
            .await
            .unwrap();
        set_outcome(&mut conn, Uuid::from_u128(2), Outcome::Deferred)
            .await
            .unwrap();

        let deferred = list_deferred(&mut conn, PlatformKind::Livekit, &"RM_1".into())
            .await
            .unwrap();
        assert_eq!(deferred, [event("EV_2")]);
    }
}
