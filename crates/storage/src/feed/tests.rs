use std::time::Duration;

use chrono::{TimeDelta, Utc};
use domain::{
    FeedEventId, MeetingId,
    feed::{FeedEvent, FeedEventType, NewFeedEvent},
    meeting::{Fact, FactKind, Meeting},
    room::Room,
};
use serde_json::json;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::*;
use crate::{ChangeTx, support};

/// Only a failing test waits this long.
const TIMEOUT: Duration = Duration::from_secs(10);

fn event(room: &str) -> NewFeedEvent {
    NewFeedEvent {
        id: FeedEventId(Uuid::now_v7()),
        kind: FeedEventType::Fact(FactKind::MeetingOpened),
        room: Some(room.to_owned()),
        meeting_id: Some(MeetingId(Uuid::now_v7())),
        recording_id: None,
        data: json!({"room": room}),
    }
}

async fn insert_one(conn: &mut PgConnection, room: &str) {
    insert(conn, &[event(room)]).await.unwrap();
}

async fn all(pool: &PgPool, filter: &FeedFilter) -> Vec<FeedEvent> {
    let mut conn = pool.acquire().await.unwrap();
    let last = head(&mut conn).await.unwrap().last;
    read(&mut conn, filter, 0, last, 1_000).await.unwrap().events
}

async fn rooms(pool: &PgPool) -> Vec<(i64, String)> {
    let events = all(pool, &FeedFilter::default()).await;
    events.into_iter().map(|e| (e.position, e.room.unwrap())).collect()
}

#[sqlx::test]
async fn an_event_that_is_committed_late_comes_after_what_was_published(pool: PgPool) {
    let mut slow = pool.begin().await.unwrap();
    insert_one(&mut slow, "slow").await;
    let mut fast = pool.begin().await.unwrap();
    insert_one(&mut fast, "fast").await;

    fast.commit().await.unwrap();
    publish(&pool).await.unwrap();
    let before = rooms(&pool).await;
    slow.commit().await.unwrap();
    publish(&pool).await.unwrap();

    assert_eq!(before, [(1, "fast".to_owned())]);
    assert_eq!(rooms(&pool).await, [(1, "fast".to_owned()), (2, "slow".to_owned())]);
}

#[sqlx::test]
async fn a_reader_that_follows_many_writers_and_publishers_misses_nothing(pool: PgPool) {
    let writers: Vec<_> = (0..8).map(|_| tokio::spawn(write_some(pool.clone()))).collect();
    let publishers: Vec<_> = (0..3).map(|_| tokio::spawn(publish_many(pool.clone()))).collect();
    let mut seen: Vec<i64> = Vec::new();
    while seen.len() < 8 * 20 {
        let mut conn = pool.acquire().await.unwrap();
        let last = head(&mut conn).await.unwrap().last;
        let after = seen.last().copied().unwrap_or_default();
        let window = read(&mut conn, &FeedFilter::default(), after, last, 7).await.unwrap();
        seen.extend(window.events.iter().map(|event| event.position));
        if writers.iter().all(|w| w.is_finished()) && publishers.iter().all(|p| p.is_finished()) {
            publish(&pool).await.unwrap();
        }
    }
    futures::future::join_all(publishers).await;

    assert_eq!(seen, (1..=160).collect::<Vec<_>>());
}

async fn write_some(pool: PgPool) {
    for n in 0..20 {
        let mut tx = pool.begin().await.unwrap();
        insert_one(&mut tx, "standup").await;
        if n % 3 == 0 {
            tokio::task::yield_now().await;
        }
        tx.commit().await.unwrap();
    }
}

async fn publish_many(pool: PgPool) {
    for _ in 0..60 {
        publish(&pool).await.unwrap();
        tokio::task::yield_now().await;
    }
}

#[sqlx::test]
async fn a_transaction_that_is_rolled_back_tells_nothing(pool: PgPool) {
    let meeting = support::meeting_with_track(&mut pool.acquire().await.unwrap()).await;
    let close = |_: &Room, meeting: &Meeting| meeting.mark_unlisted(support::now() + TimeDelta::days(1));
    let mut dropped = ChangeTx::begin(&pool).await.unwrap();
    dropped.change_meeting(meeting.head.id, close).await.unwrap();
    let room = crate::rooms::find(dropped.conn(), meeting.head.room_id)
        .await
        .unwrap()
        .unwrap();
    let fact = Fact::of_meeting(FactKind::TranscriptReady, &meeting.head);
    dropped.add_fact(&room, &fact);
    drop(dropped);

    let mut committed = ChangeTx::begin(&pool).await.unwrap();
    committed.add_fact(&room, &fact);
    committed.commit().await.unwrap();
    let published = publish(&pool).await.unwrap();

    let told = all(&pool, &FeedFilter::default()).await;
    assert_eq!(
        (published, told.len(), told[0].kind.as_str()),
        (1, 1, "transcript.ready")
    );
    assert_eq!(told[0].data["meeting"]["id"], meeting.head.id.to_string());
}

#[sqlx::test]
async fn filters_limit_what_is_read_and_agree_with_what_they_allow(pool: PgPool) {
    let (standup, retro) = (event("standup"), event("retro"));
    insert(&mut pool.acquire().await.unwrap(), &[standup.clone(), retro])
        .await
        .unwrap();
    publish(&pool).await.unwrap();
    let everything = all(&pool, &FeedFilter::default()).await;
    let types = |names: &[&str]| FeedFilter {
        types: names.iter().map(|name| (*name).to_owned()).collect(),
        ..FeedFilter::default()
    };
    let of_meeting = FeedFilter {
        meeting_id: standup.meeting_id,
        ..FeedFilter::default()
    };
    let of_room = FeedFilter {
        room: Some("retro".to_owned()),
        ..FeedFilter::default()
    };

    for (filter, positions) in [
        (of_meeting, vec![1]),
        (of_room, vec![2]),
        (types(&["meeting.opened", "meeting.closed"]), vec![1, 2]),
        (types(&["meeting.closed"]), vec![]),
    ] {
        let read = all(&pool, &filter).await;
        let allowed = everything.iter().filter(|event| filter.allows(event));
        assert_eq!(
            read.iter().map(|e| e.position).collect::<Vec<_>>(),
            positions,
            "{filter:?}"
        );
        assert_eq!(allowed.map(|e| e.position).collect::<Vec<_>>(), positions, "{filter:?}");
    }
}

#[sqlx::test]
async fn old_events_are_deleted_and_the_head_says_so(pool: PgPool) {
    let mut conn = pool.acquire().await.unwrap();
    for room in ["one", "two"] {
        insert_one(&mut conn, room).await;
    }
    publish(&pool).await.unwrap();
    insert_one(&mut conn, "unpublished").await;
    sqlx::query("UPDATE feed SET occurred_at = now() - interval '1 day' WHERE room <> 'two'")
        .execute(&pool)
        .await
        .unwrap();

    let pruned = prune(&pool, Utc::now() - TimeDelta::hours(1)).await.unwrap();

    assert_eq!(
        (pruned, head(&mut conn).await.unwrap()),
        (1, FeedHead { last: 2, deleted: 1 })
    );
    publish(&pool).await.unwrap();
    assert_eq!(
        rooms(&pool).await,
        [(2, "two".to_owned()), (3, "unpublished".to_owned())]
    );
}

#[sqlx::test]
async fn publishing_notifies_listeners(pool: PgPool) {
    let mut published = Published::listen(&pool).await.unwrap();
    insert_one(&mut pool.acquire().await.unwrap(), "standup").await;

    publish(&pool).await.unwrap();

    tokio::time::timeout(TIMEOUT, published.next()).await.unwrap().unwrap();
}
