//! A camera is not recorded by itself, and refused in plain words when somebody asks for it.

use std::{process::Stdio, time::Duration};

use e2e::{sdk, stack::Stack, wait_until};
use livekit_api::services::egress::{EgressListFilter, EgressListOptions, TrackEgressOutput};
use livekit_protocol::{EgressInfo, EgressStatus};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
};

/// An egress that cannot do its work says so at once.
const REFUSED_WITHIN: Duration = Duration::from_secs(20);

#[tokio::test]
async fn an_egress_of_a_camera_fails_and_says_why() {
    let stack = Stack::start().await;
    stack.api().create_room("standup").await;
    let joined = stack.api().join("standup", "Ada").await;
    let mut ada = Command::new(sdk::python())
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/sdk_camera.py"))
        .args([&joined.url, &joined.token])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut said = BufReader::new(ada.stdout.take().unwrap()).lines();
    let published: serde_json::Value = serde_json::from_str(&said.next_line().await.unwrap().unwrap()).unwrap();
    let camera = published["track_sid"].as_str().unwrap();

    let output = TrackEgressOutput::File(Box::default());
    let started = stack
        .livekit
        .egress()
        .start_track_egress("standup", output, camera)
        .await
        .unwrap();

    let ended = wait_until("the egress ends", REFUSED_WITHIN, async || {
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
    listed.expect("LiveKit lists an egress that it has started").remove(0)
}
