//! Requests that cannot be served fail with the reason.

use std::time::Duration;

use livekit_api::services::egress::{TrackCompositeOptions, TrackEgressOutput};
use livekit_protocol::{DirectFileOutput, EgressStatus, GcpUpload, direct_file_output::Output};
use rtc::publisher::AudioOptions;

use crate::support::{EgressStack, ROOM};

/// Longer than the worker waits for a track.
const TRACK_TIMEOUT: Duration = Duration::from_secs(45);

#[tokio::test]
async fn an_encrypted_track_fails() {
    let stack = EgressStack::start().await;
    let worker = stack.worker("one", "").await;
    let ada = stack
        .publisher(
            "ada",
            AudioOptions {
                encrypted: true,
                ..Default::default()
            },
        )
        .await;

    let started = stack.record(ada.sid(), "a.ogg").await.unwrap();
    let info = stack.egress_in(&started.egress_id, EgressStatus::EgressFailed).await;

    assert!(
        info.error.contains("end-to-end encrypted") && info.error_code == 400,
        "{}",
        info.error
    );
    assert_eq!(info.details, "End reason: Failure");
    worker.stop().await;
}

#[tokio::test]
async fn a_missing_track_fails_after_a_timeout_and_aborts_if_stopped_before() {
    let stack = EgressStack::start().await;
    let worker = stack.worker("one", "").await;
    let _ada = stack.publisher("ada", AudioOptions::default()).await;
    let missing = stack.record("TR_missing", "a.ogg").await.unwrap();
    let stopped = stack.record("TR_other", "b.ogg").await.unwrap();

    let answer = stack.livekit.egress().stop_egress(&stopped.egress_id).await.unwrap();
    let aborted = stack.egress_in(&stopped.egress_id, EgressStatus::EgressAborted).await;
    let failed = stack
        .egress_in_within(&missing.egress_id, EgressStatus::EgressFailed, TRACK_TIMEOUT)
        .await;

    assert_eq!(answer.status(), EgressStatus::EgressAborted);
    assert_eq!(
        (aborted.error.as_str(), aborted.error_code),
        ("Start signal not received", 412)
    );
    assert_eq!(
        (failed.error.as_str(), failed.error_code),
        ("track TR_missing not found", 404)
    );
    worker.stop().await;
}

#[tokio::test]
async fn other_kinds_and_unsupported_stores_are_refused_at_once() {
    let stack = EgressStack::start().await;
    let worker = stack.worker("one", "").await;
    let ada = stack.publisher("ada", AudioOptions::default()).await;
    let gcp = Some(Output::Gcp(GcpUpload::default()));
    let file = DirectFileOutput {
        filepath: "a.ogg".into(),
        output: gcp,
        ..Default::default()
    };

    let client = stack.livekit.egress();
    let composite = client.start_track_composite_egress(ROOM, vec![], TrackCompositeOptions::default());
    let composite = composite.await.unwrap_err().to_string();
    let file = TrackEgressOutput::File(Box::new(file));
    let google = stack
        .livekit
        .egress()
        .start_track_egress(ROOM, file, ada.sid())
        .await
        .unwrap_err()
        .to_string();
    let outside = stack
        .record(ada.sid(), "../../etc/passwd")
        .await
        .unwrap_err()
        .to_string();

    assert!(
        composite.contains("unimplemented") && composite.contains("track_composite"),
        "{composite}"
    );
    assert!(
        google.contains("unimplemented") && google.contains("Google"),
        "{google}"
    );
    assert!(
        outside.contains("invalid_argument") && outside.contains("filepath"),
        "{outside}"
    );
    worker.stop().await;
}
