//! A camera track is not recorded, and a request to record one fails with a reason.

use std::{process::Stdio, time::Duration};

use e2e::{sdk, stack::Stack};
use livekit_api::services::egress::{EgressListFilter, EgressListOptions, TrackEgressOutput};
use livekit_protocol::{EgressInfo, EgressStatus};
use test_support::wait_until;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
};

/// Longest time until the egress reports its failure.
const FAILURE_TIMEOUT: Duration = Duration::from_secs(20);

#[tokio::test]
async fn an_egress_of_a_camera_fails_with_a_reason() {
    let stack = Stack::start().await;
    stack.api().create_room("standup").await;
    let join = stack.api().join("standup", "Ada").await;
    let mut ada = Command::new(sdk::python())
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/sdk_camera.py"))
        .args([&join.url, &join.token])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut output = BufReader::new(ada.stdout.take().unwrap()).lines();
    let published: serde_json::Value = serde_json::from_str(&output.next_line().await.unwrap().unwrap()).unwrap();
    let camera = published["track_sid"].as_str().unwrap();

    let output = TrackEgressOutput::File(Box::default());
    let started = stack
        .livekit
        .egress()
        .start_track_egress("standup", output, camera)
        .await
        .unwrap();

    let ended = wait_until("the egress ends", FAILURE_TIMEOUT, async || {
        let info = egress(&stack, &started.egress_id).await;
        (info.status() as i32 >= EgressStatus::EgressComplete as i32).then_some(info)
    })
    .await;
    assert_eq!(ended.status(), EgressStatus::EgressFailed);
    assert!(ended.error.contains("video"), "{}", ended.error);
    let meeting = stack.meeting("standup").await;
    assert_eq!(stack.api().recordings(&meeting.id).await.len(), 0);
    drop(ada.stdin.take());
    assert!(ada.wait().await.unwrap().success());
    stack.finish().await;
}

async fn egress(stack: &Stack, id: &str) -> EgressInfo {
    let options = EgressListOptions {
        filter: EgressListFilter::Egress(id.to_owned()),
        ..Default::default()
    };
    let listed = stack.livekit.egress().list_egress(options).await;
    listed.expect("LiveKit lists the egress").remove(0)
}
