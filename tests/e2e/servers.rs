//! The test servers themselves: they start, work, and start again with their data.

use std::time::Duration;

use domain::ObjectKey;
use livekit_api::services::room::CreateRoomOptions;
use objects::Body;
use test_support::{Database, LivekitServer, RedisServer, Store, WebhookRelay, wait_until};

#[tokio::test]
async fn a_livekit_server_keeps_its_rooms_through_a_crash() {
    let redis = RedisServer::start().await;
    let mut livekit = LivekitServer::start(&redis).await;
    let room = livekit
        .rooms()
        .create_room("standup", CreateRoomOptions::default())
        .await
        .unwrap();

    livekit.kill();
    livekit.start_again().await;

    let rooms = wait_until("the room is listed", Duration::from_secs(10), async || {
        livekit.rooms().list_rooms(vec!["standup".to_owned()]).await.ok()
    })
    .await;
    assert_eq!(rooms.iter().map(|r| &r.sid).collect::<Vec<_>>(), [&room.sid]);
}

#[tokio::test]
async fn redis_keeps_its_data_through_a_restart() {
    let mut redis = RedisServer::start().await;
    let mut connection = redis.connect().await;
    let () = redis::cmd("SET")
        .arg("key")
        .arg("value")
        .query_async(&mut connection)
        .await
        .unwrap();

    redis.stop();
    redis.start_again().await;

    let value: String = redis::cmd("GET")
        .arg("key")
        .query_async(&mut redis.connect().await)
        .await
        .unwrap();
    assert_eq!(value, "value");
}

#[tokio::test]
async fn each_test_has_its_own_database() {
    let (first, second) = (Database::create().await, Database::create().await);

    sqlx::raw_sql("CREATE TABLE mine (id INTEGER)")
        .execute(&mut first.connect().await)
        .await
        .unwrap();

    let result = sqlx::raw_sql("SELECT * FROM mine")
        .execute(&mut second.connect().await)
        .await;
    assert!(result.is_err());
    assert!(first.open_jobs().await.is_empty());
}

#[tokio::test]
async fn each_test_has_its_own_store() {
    let key = ObjectKey::parse("a/b.txt").unwrap();

    for store in [Store::bucket().await, Store::folder()] {
        store
            .objects()
            .put(&key, Body::from("hello".to_owned()), "text/plain")
            .await
            .unwrap();

        assert_eq!(store.read("a/b.txt").await, b"hello");
        assert_eq!(store.keys("").await, ["a/b.txt"]);
    }
    assert!(Store::bucket().await.keys("").await.is_empty());
}

#[tokio::test]
async fn webhooks_reach_the_relay() {
    let (redis, relay) = (RedisServer::start().await, WebhookRelay::start().await);
    let livekit = LivekitServer::builder()
        .redis(&redis)
        .webhook(relay.url())
        .start()
        .await;

    livekit
        .rooms()
        .create_room("standup", CreateRoomOptions::default())
        .await
        .unwrap();

    wait_until("a webhook is received", Duration::from_secs(10), async || {
        relay.received().contains(&"room_started".to_owned()).then_some(())
    })
    .await;
}
