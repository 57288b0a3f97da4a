use domain::event::{EventKind, EventRoom};
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
            name: Some("standup".to_owned()),
            key: "RM_1".into(),
            session: None,
            created_at: None,
        }),
        kind: EventKind::MeetingStarted,
    }
}

async fn receive(conn: &mut PgConnection, id: u128, event: &PlatformEvent) -> Stored {
    let body = json!({"event": "room_started"});
    let new = NewEvent {
        id: Uuid::from_u128(id),
        event,
        received_at: support::now(),
        body: &body,
    };
    store(conn, &new).await.unwrap()
}

async fn make_due(pool: &PgPool) {
    sqlx::query("UPDATE events SET judge_at = now() WHERE judge_at IS NOT NULL")
        .execute(pool)
        .await
        .unwrap();
}

#[sqlx::test]
async fn an_event_is_stored_once_and_judged_until_that_succeeds(pool: PgPool) {
    let mut conn = pool.acquire().await.unwrap();
    let id = Uuid::from_u128(1);

    let first = receive(&mut conn, 1, &event("EV_1")).await;
    let second = receive(&mut conn, 2, &event("EV_1")).await;
    let at_once = list_unjudged(&mut conn, 10).await.unwrap();
    make_due(&pool).await;
    let late = list_unjudged(&mut conn, 10).await.unwrap();
    set_failed(&mut conn, id, "the room is locked").await.unwrap();
    let after_a_failure = list_unjudged(&mut conn, 10).await.unwrap();
    let locked = lock_unjudged(&mut conn, id).await.unwrap();
    set_outcome(&mut conn, id, Outcome::Applied).await.unwrap();
    set_failed(&mut conn, id, "too late").await.unwrap();

    assert_eq!((first, second), (Stored::Unjudged(id), Stored::Unjudged(id)));
    assert_eq!((at_once, late, after_a_failure), (vec![], vec![id], vec![]));
    assert_eq!(locked, Some(event("EV_1")));
    assert_eq!(receive(&mut conn, 3, &event("EV_1")).await, Stored::Judged);
    assert_eq!(lock_unjudged(&mut conn, id).await.unwrap(), None);
}

#[sqlx::test]
async fn an_unreadable_deferred_event_does_not_hide_the_others(pool: PgPool) {
    let mut conn = pool.acquire().await.unwrap();
    for (id, key) in [(1, "EV_1"), (2, "EV_2")] {
        receive(&mut conn, id, &event(key)).await;
        set_outcome(&mut conn, Uuid::from_u128(id), Outcome::Deferred)
            .await
            .unwrap();
    }

    sqlx::query("UPDATE events SET event = '{\"of\": \"a newer version\"}' WHERE event_id = 'EV_1'")
        .execute(&pool)
        .await
        .unwrap();

    let deferred = list_deferred(&mut conn, PlatformKind::Livekit, &"RM_1".into()).await;
    assert_eq!(deferred.unwrap(), [event("EV_2")]);
}

#[sqlx::test]
async fn a_deferred_event_that_panics_is_judged_by_itself_and_no_longer_with_others(pool: PgPool) {
    let mut conn = pool.acquire().await.unwrap();
    for (id, key) in [(1, "EV_1"), (2, "EV_2")] {
        receive(&mut conn, id, &event(key)).await;
        set_outcome(&mut conn, Uuid::from_u128(id), Outcome::Deferred)
            .await
            .unwrap();
    }

    set_panicked(&mut conn, &event("EV_1").key).await.unwrap();
    set_panicked(&mut conn, &event("EV_unknown").key).await.unwrap();
    let deferred = list_deferred(&mut conn, PlatformKind::Livekit, &"RM_1".into()).await;
    make_due(&pool).await;

    assert_eq!(deferred.unwrap(), [event("EV_2")]);
    assert_eq!(list_unjudged(&mut conn, 10).await.unwrap(), [Uuid::from_u128(1)]);
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

#[sqlx::test]
async fn old_events_are_deleted_unless_they_are_deferred_or_not_judged(pool: PgPool) {
    let mut conn = pool.acquire().await.unwrap();
    let outcomes = [
        ("EV_applied", Some(Outcome::Applied)),
        ("EV_deferred", Some(Outcome::Deferred)),
        ("EV_ignored", Some(Outcome::Ignored)),
        ("EV_failed", None),
        ("EV_unjudged", None),
    ];
    for (id, (key, outcome)) in (1..).zip(outcomes) {
        receive(&mut conn, id, &event(key)).await;
        if let Some(outcome) = outcome {
            set_outcome(&mut conn, Uuid::from_u128(id), outcome).await.unwrap();
        }
    }
    set_failed(&mut conn, Uuid::from_u128(4), "the room is locked")
        .await
        .unwrap();

    let young = prune(&mut conn, support::now()).await.unwrap();
    let old = prune(&mut conn, support::now() + chrono::TimeDelta::seconds(1))
        .await
        .unwrap();

    let left: Vec<String> = sqlx::query_scalar("SELECT event_id FROM events ORDER BY id")
        .fetch_all(&pool)
        .await
        .unwrap();
    assert_eq!((young, old), (0, 2));
    assert_eq!(left, ["EV_deferred", "EV_failed", "EV_unjudged"]);
}
