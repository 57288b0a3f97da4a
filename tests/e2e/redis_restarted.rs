//! Redis is restarted in the middle of a meeting, and our queues are lost with it.

use std::time::Duration;

use domain::job::Queue;
use e2e::{audio::Chirp, stack::Stack};

#[tokio::test]
async fn a_redis_restart_harms_no_recording_and_loses_no_job() {
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
    lose_queues(&stack).await;
    microphone.play(&sound).await;
    ada.leave().await;

    let is_accepted = |recording: &e2e::api::Recording| recording.state == "complete" && recording.offset_ms.is_some();
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
    assert_eq!(chirp.find(&stack.listen(&recording).await.samples).len(), 6);
    assert_eq!(manifest.trackscribe.counts.lost, 0);
    stack.finish().await;
}

/// Deletes every key of our queues; LiveKit's own stay.
async fn lose_queues(stack: &Stack) {
    let mut redis = stack.redis.connect().await;
    for queue in Queue::ALL {
        let pattern = format!("{}:*", queue.as_str());
        let keys: Vec<String> = redis::cmd("KEYS")
            .arg(pattern)
            .query_async(&mut redis)
            .await
            .expect("Redis answers");
        for key in keys {
            let () = redis::cmd("DEL")
                .arg(key)
                .query_async(&mut redis)
                .await
                .expect("Redis answers");
        }
    }
}
