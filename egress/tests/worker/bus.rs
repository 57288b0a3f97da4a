//! How workers behave on the bus.

use livekit_protocol::{EgressInfo, EgressStatus};
use prost::Message;
use rtc::publisher::AudioOptions;
use test_support::wait_until;

use crate::support::{
    EgressStack, TIMEOUT,
    bus_client::{ActiveEgresses, call, publish, start},
};

/// The default of `max_recordings`.
const AT_ONCE: usize = 200;

#[tokio::test]
async fn each_request_is_served_by_one_of_two_workers() {
    let stack = EgressStack::start().await;
    let workers = [stack.worker("one", "").await, stack.worker("two", "").await];
    let ada = stack.publisher("ada", AudioOptions::default()).await;

    let requests = (0..8).map(|n| {
        let (stack, sid) = (&stack, ada.sid());
        async move { stack.record(sid, &format!("{n}.ogg")).await.unwrap().egress_id }
    });
    let ids = futures::future::join_all(requests).await;
    ada.play_tone(440.0, 1000).await;
    ada.track.unpublish().unwrap();

    for (n, id) in ids.iter().enumerate() {
        stack.egress_in(id, EgressStatus::EgressComplete).await;
        assert!(!stack.object(&format!("{n}.ogg")).is_empty());
    }
    for worker in workers {
        worker.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_requests_at_once_are_all_accepted_by_one_worker() {
    let stack = EgressStack::start().await;
    let worker = stack.worker("one", "").await;
    let muted = AudioOptions {
        muted: true,
        ..Default::default()
    };
    let ada = stack.publisher("ada", muted).await;

    let requests = (0..AT_ONCE).map(|n| {
        let (stack, sid) = (&stack, ada.sid());
        async move { stack.record(sid, &format!("{n}.ogg")).await }
    });
    let answers = futures::future::join_all(requests).await;
    let refused: Vec<_> = answers.iter().filter_map(|answer| answer.as_ref().err()).collect();
    let (list, _) = call(&stack, "ListActiveEgress", Vec::new()).await;

    assert!(
        refused.is_empty(),
        "{} refused, such as {:?}",
        refused.len(),
        refused[0]
    );
    let active = ActiveEgresses::decode(list.raw_response.as_slice()).unwrap();
    assert_eq!((active.egress_ids.len(), stack.spooled("one")), (AT_ONCE, AT_ONCE));
    worker.stop().await;
}

#[tokio::test]
async fn a_worker_continues_after_a_restart_of_redis() {
    let mut stack = EgressStack::start().await;
    let worker = stack.worker("one", "").await;
    let ada = stack.publisher("ada", AudioOptions::default()).await;
    let started = stack.record(ada.sid(), "a.ogg").await.unwrap();
    ada.play_tone(440.0, 500).await;
    stack.egress_in(&started.egress_id, EgressStatus::EgressActive).await;

    stack.redis.stop();
    stack.redis.start_again().await;
    ada.play_tone(440.0, 500).await;
    let stopped = async || stack.livekit.egress().stop_egress(&started.egress_id).await.ok();
    wait_until("the worker receives the stop", TIMEOUT, stopped).await;

    let info = stack.egress_in(&started.egress_id, EgressStatus::EgressComplete).await;
    assert_eq!(info.details, "End reason: StopEgress API");
    worker.stop().await;
}

#[tokio::test]
async fn a_full_worker_accepts_no_more_requests() {
    let stack = EgressStack::start().await;
    let worker = stack.worker("one", "  max_recordings: 1\n").await;
    let ada = stack
        .publisher(
            "ada",
            AudioOptions {
                muted: true,
                ..Default::default()
            },
        )
        .await;
    let first = stack.record(ada.sid(), "a.ogg").await.unwrap();

    let second = tokio::time::timeout(std::time::Duration::from_secs(2), stack.record(ada.sid(), "b.ogg")).await;
    stack.livekit.egress().stop_egress(&first.egress_id).await.unwrap();

    assert!(second.is_err() || second.unwrap().is_err());
    worker.stop().await;
}

#[tokio::test]
async fn a_repeated_egress_id_starts_nothing_and_returns_the_current_state() {
    let stack = EgressStack::start().await;
    let worker = stack.worker("one", "").await;
    let ada = stack.publisher("ada", AudioOptions::default()).await;
    let (first, affinity) = call(&stack, "StartEgress", start("EG_twice", ada.sid())).await;
    ada.play_tone(440.0, 500).await;
    stack.egress_in("EG_twice", EgressStatus::EgressActive).await;

    let (again, _) = call(&stack, "StartEgress", start("EG_twice", ada.sid())).await;
    let (list, _) = call(&stack, "ListActiveEgress", Vec::new()).await;
    ada.track.unpublish().unwrap();
    stack.egress_in("EG_twice", EgressStatus::EgressComplete).await;
    let (late, _) = call(&stack, "StartEgress", start("EG_twice", "TR_other")).await;

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
async fn malformed_messages_on_the_bus_change_nothing() {
    let stack = EgressStack::start().await;
    let worker = stack.worker("one", "").await;
    let channels = [
        "EgressInternal|StartEgress|REQ",
        "EgressInternal|StartEgress|RCLAIM",
        "EgressInternal|ListActiveEgress|REQ",
    ];

    for channel in channels {
        for payload in [vec![], vec![0xff; 64], b"{\"json\": true}".to_vec()] {
            publish(&stack, channel, payload).await;
        }
    }
    let (malformed, _) = call(&stack, "StartEgress", vec![0x0a, 0xff, 0xff]).await;
    let (hostile, affinity) = call(&stack, "StartEgress", start("../../EG", "TR_1")).await;

    assert_eq!(malformed.code, "malformed_request");
    assert_eq!((hostile.code.as_str(), affinity), ("invalid_argument", 0.01));
    worker.stop().await;
}
