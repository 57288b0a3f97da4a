//! What livekit-server hears of a worker.

use e2e::wait_until;
use livekit_protocol::EgressStatus;
use rtc::publisher::AudioOptions;

use crate::support::{PATIENCE, World};

#[tokio::test]
async fn of_two_workers_each_request_is_taken_by_one() {
    let world = World::start().await;
    let workers = [world.worker("one", "").await, world.worker("two", "").await];
    let ada = world.speaker("ada", AudioOptions::default()).await;

    let requests = (0..8).map(|n| {
        let (world, sid) = (&world, ada.sid());
        async move { world.record(sid, &format!("{n}.ogg")).await.unwrap().egress_id }
    });
    let ids = futures::future::join_all(requests).await;
    ada.say(440.0, 1000).await;
    ada.track.unpublish().unwrap();

    for (n, id) in ids.iter().enumerate() {
        world.egress_in(id, EgressStatus::EgressComplete).await;
        assert!(!world.object(&format!("{n}.ogg")).is_empty());
    }
    for worker in workers {
        worker.stop().await;
    }
}

#[tokio::test]
async fn a_worker_goes_on_after_redis_was_restarted() {
    let mut world = World::start().await;
    let worker = world.worker("one", "").await;
    let ada = world.speaker("ada", AudioOptions::default()).await;
    let started = world.record(ada.sid(), "a.ogg").await.unwrap();
    ada.say(440.0, 500).await;
    world.egress_in(&started.egress_id, EgressStatus::EgressActive).await;

    world.redis.stop();
    world.redis.start_again().await;
    ada.say(440.0, 500).await;
    let stopped = async || world.livekit.egress().stop_egress(&started.egress_id).await.ok();
    wait_until("the stop is heard", PATIENCE, stopped).await;

    let info = world.egress_in(&started.egress_id, EgressStatus::EgressComplete).await;
    assert_eq!(info.details, "End reason: StopEgress API");
    worker.stop().await;
}

#[tokio::test]
async fn a_full_worker_takes_no_more() {
    let world = World::start().await;
    let worker = world.worker("one", "  max_recordings: 1\n").await;
    let ada = world
        .speaker(
            "ada",
            AudioOptions {
                muted: true,
                ..Default::default()
            },
        )
        .await;
    let first = world.record(ada.sid(), "a.ogg").await.unwrap();

    let second = tokio::time::timeout(std::time::Duration::from_secs(2), world.record(ada.sid(), "b.ogg")).await;
    world.livekit.egress().stop_egress(&first.egress_id).await.unwrap();

    assert!(second.is_err() || second.unwrap().is_err());
    worker.stop().await;
}
