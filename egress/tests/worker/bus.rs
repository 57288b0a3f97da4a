//! What livekit-server hears of a worker.

use livekit_protocol::{EgressInfo, EgressStatus};
use prost::Message;
use rtc::publisher::AudioOptions;
use test_support::wait_until;

use crate::{
    caller::{ActiveEgresses, call, publish, start},
    support::{PATIENCE, World},
};

#[tokio::test]
async fn of_two_workers_each_request_is_taken_by_one() {
    let world = World::start().await;
    let workers = [world.worker("one", "").await, world.worker("two", "").await];
    let ada = world.publisher("ada", AudioOptions::default()).await;

    let requests = (0..8).map(|n| {
        let (world, sid) = (&world, ada.sid());
        async move { world.record(sid, &format!("{n}.ogg")).await.unwrap().egress_id }
    });
    let ids = futures::future::join_all(requests).await;
    ada.play_tone(440.0, 1000).await;
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
    let ada = world.publisher("ada", AudioOptions::default()).await;
    let started = world.record(ada.sid(), "a.ogg").await.unwrap();
    ada.play_tone(440.0, 500).await;
    world.egress_in(&started.egress_id, EgressStatus::EgressActive).await;

    world.redis.stop();
    world.redis.start_again().await;
    ada.play_tone(440.0, 500).await;
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
        .publisher(
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

#[tokio::test]
async fn a_repeated_egress_id_begins_nothing_and_is_answered_as_it_stands() {
    let world = World::start().await;
    let worker = world.worker("one", "").await;
    let ada = world.publisher("ada", AudioOptions::default()).await;
    let (first, affinity) = call(&world, "StartEgress", start("EG_twice", ada.sid())).await;
    ada.play_tone(440.0, 500).await;
    world.egress_in("EG_twice", EgressStatus::EgressActive).await;

    let (again, _) = call(&world, "StartEgress", start("EG_twice", ada.sid())).await;
    let (list, _) = call(&world, "ListActiveEgress", Vec::new()).await;
    ada.track.unpublish().unwrap();
    world.egress_in("EG_twice", EgressStatus::EgressComplete).await;
    let (late, _) = call(&world, "StartEgress", start("EG_twice", "TR_other")).await;

    let status = |response: &[u8]| EgressInfo::decode(response).unwrap().status();
    assert_eq!((affinity, first.error.as_str()), (1.0, ""));
    assert_eq!(status(&first.raw_response), EgressStatus::EgressStarting);
    assert_eq!(status(&again.raw_response), EgressStatus::EgressActive);
    assert_eq!(status(&late.raw_response), EgressStatus::EgressComplete);
    assert_eq!(
        ActiveEgresses::decode(list.raw_response.as_slice()).unwrap().egress_ids,
        ["EG_twice"]
    );
    worker.stop().await;
}

#[tokio::test]
async fn rubbish_on_the_bus_changes_nothing() {
    let world = World::start().await;
    let worker = world.worker("one", "").await;
    let channels = [
        "EgressInternal|StartEgress|REQ",
        "EgressInternal|StartEgress|RCLAIM",
        "EgressInternal|ListActiveEgress|REQ",
    ];

    for channel in channels {
        for payload in [vec![], vec![0xff; 64], b"{\"json\": true}".to_vec()] {
            publish(&world, channel, payload).await;
        }
    }
    let (malformed, _) = call(&world, "StartEgress", vec![0x0a, 0xff, 0xff]).await;
    let (hostile, affinity) = call(&world, "StartEgress", start("../../EG", "TR_1")).await;

    assert_eq!(malformed.code, "malformed_request");
    assert_eq!((hostile.code.as_str(), affinity), ("invalid_argument", 1.0));
    worker.stop().await;
}
