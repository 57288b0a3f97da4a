//! Redis restarts during a meeting and loses our queues.

use std::time::Duration;

use domain::job::Queue;
use e2e::{api::Recording, stack::Stack};
use test_support::audio::Chirp;

#[tokio::test]
async fn a_redis_restart_that_loses_the_queues_loses_no_audio_and_no_job() {
    let mut stack = Stack::start().await;
    stack.api().create_room("standup").await;
    let ada = stack.join("standup", "Ada").await;
    let microphone = ada.microphone().await;
    let track = microphone.sid().to_owned();
    stack.active_recording("standup", &track).await;
    let chirp = Chirp::default();
    let sound = chirp.at(&[0, 24_000], 48_000);

    microphone.play(&sound).await;
    stack.redis.stop();
    microphone.play(&sound).await;
    stack.redis.start_again().await;
    delete_queues(&stack).await;
    microphone.play(&sound).await;
    ada.leave().await;

    let is_accepted = |recording: &Recording| recording.state == "complete" && recording.offset_ms.is_some();
    let recording = stack
        .recording(
            "standup",
            &track,
            "it is accepted",
            Duration::from_secs(60),
            is_accepted,
        )
        .await;
    let manifest = stack.manifest(&recording).await;
    assert_eq!(chirp.find(&stack.decode(&recording).await.samples).len(), 6);
    assert_eq!(manifest.trackscribe.counts.lost, 0);
    stack.finish().await;
}

/// Deletes every key of our queues. LiveKit's own keys stay.
async fn delete_queues(stack: &Stack) {
    let mut redis = stack.redis.connect().await;
    for queue in Queue::ALL {
        // The keys begin with the queue's name in `worker/src/queue.rs`.
        let pattern = format!("{{trackscribe:{}}}:*", queue.as_str());
        let keys: Vec<String> = redis::cmd("KEYS")
            .arg(&pattern)
            .query_async(&mut redis)
            .await
            .expect("Redis answers");
        assert!(!keys.is_empty(), "no key matches {pattern}");
        let deleted: usize = redis::cmd("DEL")
            .arg(&keys)
            .query_async(&mut redis)
            .await
            .expect("Redis answers");
        assert!(deleted > 0, "none of {keys:?} was deleted");
    }
}
