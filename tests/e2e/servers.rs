//! The harness itself: its servers start, do what a room needs, and start again.

use std::time::Duration;

use e2e::{
    stack::{LivekitServer, RedisServer},
    wait_until,
};
use livekit_api::services::room::CreateRoomOptions;

#[tokio::test]
async fn a_livekit_server_of_ones_own_keeps_its_rooms_through_a_crash() {
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
async fn redis_keeps_what_it_was_told_through_a_restart() {
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
