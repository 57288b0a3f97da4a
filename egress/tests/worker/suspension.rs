//! Workers that are told to stop leave their recordings to the next process.

use std::time::Duration;

use livekit_protocol::EgressStatus;

use crate::support::Recorded;

/// A process that is told to stop is gone by then.
const SUSPEND_TIME: Duration = Duration::from_secs(2);

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_worker_is_gone_at_once_and_the_next_records_who_was_muted() {
    let mut meeting = Recorded::start_muted().await;

    let (status, took) = meeting.terminate();
    meeting.restart().await;
    meeting.unmute();
    meeting.play(440.0, 2000).await;
    meeting.stop().await;
    let info = meeting.egress_in(EgressStatus::EgressComplete).await;

    assert!(status.success() && took < SUSPEND_TIME, "{status} after {took:?}");
    assert_eq!(info.details, "End reason: StopEgress API");
    let heard = meeting.heard_ms(440.0);
    assert!(heard >= 1700, "{heard} ms were heard");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_worker_leaves_a_running_recording_to_the_next() {
    let mut meeting = Recorded::start().await;
    meeting.play(440.0, 1500).await;

    let (status, took) = meeting.terminate();
    meeting.restart().await;
    meeting.play(660.0, 3000).await;
    let stopped = meeting.stop().await;
    meeting.egress_in(EgressStatus::EgressComplete).await;

    let hole = meeting.hole_ms();
    assert!(status.success() && took < SUSPEND_TIME, "{status} after {took:?}");
    assert_ne!(stopped.status(), EgressStatus::EgressActive);
    assert!(hole < 3000.0, "a hole of {hole} ms is listed");
    assert!(meeting.heard_ms(440.0) >= 1300);
    assert!(meeting.heard_ms(660.0) >= 2500);
}
