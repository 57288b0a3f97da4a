//! Recorders that restart while the store or Redis is down.

use std::{fs, path::PathBuf, time::Duration};

use livekit_protocol::EgressStatus;
use test_support::{Fault, Port, wait_until};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::{EgressStack, Recorded, TIMEOUT};

/// The longest hole that a restart may cost.
const LONGEST_HOLE_MS: f64 = 3000.0;

/// The answer of a worker to a health check; `None` if it does not answer.
async fn health(port: u16) -> Option<String> {
    let mut connection = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
    let request = "GET /healthz HTTP/1.1\r\nHost: worker\r\nConnection: close\r\n\r\n";
    connection.write_all(request.as_bytes()).await.ok()?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.ok()?;
    Some(answer)
}

/// Waits until a health check is answered with `words`.
async fn healthy(port: u16, words: &str) -> String {
    let what = format!("the health check says {words:?}");
    wait_until(&what, TIMEOUT, async || {
        health(port).await.filter(|text| text.contains(words))
    })
    .await
}

/// A store in a folder that is away for a while.
struct AwayStore {
    objects: PathBuf,
    away: PathBuf,
}

impl AwayStore {
    fn take_away(objects: PathBuf) -> Self {
        let away = objects.with_extension("away");
        fs::rename(&objects, &away).unwrap();
        fs::write(&objects, "a file, not a folder").unwrap();
        Self { objects, away }
    }

    fn bring_back(self) {
        fs::remove_file(&self.objects).unwrap();
        fs::rename(&self.away, &self.objects).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorder_that_restarts_without_redis_records_at_once_and_reports_later() {
    let mut stack = EgressStack::start().await;
    let port = Port::reserve();
    let health_port: &'static str = format!("health_port: {}\n", port.number()).leak();
    let redis = stack.redis_proxy().await;
    let mut meeting = Recorded::start_on(stack, health_port).await;
    meeting.play(440.0, 1500).await;

    meeting.kill();
    redis.set(Fault::Refuse);
    meeting.restart_at_once();
    meeting.written_more().await;
    let waiting = healthy(port.number(), "unhealthy").await;
    meeting.play(660.0, 3000).await;
    redis.set(Fault::None);
    healthy(port.number(), r#""redis":"ok""#).await;
    let stopped = async || {
        meeting
            .stack
            .livekit
            .egress()
            .stop_egress(&meeting.egress_id)
            .await
            .ok()
    };
    wait_until("the worker receives the stop", TIMEOUT, stopped).await;
    meeting.egress_in(EgressStatus::EgressComplete).await;

    assert!(waiting.starts_with("HTTP/1.1 503"), "{waiting}");
    assert!(
        waiting.contains("down: recordings go on") && waiting.contains("cannot use Redis at"),
        "{waiting}"
    );
    let (before, after, hole) = (meeting.heard_ms(440.0), meeting.heard_ms(660.0), meeting.hole_ms());
    assert!(before >= 1100, "{before} ms were heard before the kill");
    assert!(after >= 2900, "{after} ms were heard without Redis");
    assert!(hole < LONGEST_HOLE_MS, "a hole of {hole} ms is listed");
    meeting.removed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorder_that_restarts_while_redis_is_down_for_all_goes_on_once_it_is_back() {
    let mut meeting = Recorded::start().await;
    meeting.play(440.0, 1500).await;

    meeting.kill();
    meeting.stack.redis.kill();
    meeting.restart_at_once();
    tokio::time::sleep(Duration::from_secs(2)).await; // how long Redis is down
    meeting.stack.redis.start_again().await;
    meeting.written_more().await;
    meeting.play(660.0, 2000).await;
    meeting.unpublish();
    meeting.egress_in(EgressStatus::EgressComplete).await;

    let (before, after) = (meeting.heard_ms(440.0), meeting.heard_ms(660.0));
    assert!(before >= 1100, "{before} ms were heard before the kill");
    assert!(after >= 1900, "{after} ms were heard after the return");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_its_store_is_stored_without_redis_and_reported_once_it_is_back() {
    let mut meeting = Recorded::start().await;
    meeting.play(440.0, 1000).await;
    let store = AwayStore::take_away(meeting.stack.objects());
    meeting.stop().await;

    meeting.kill();
    meeting.stack.redis.stop();
    store.bring_back();
    meeting.restart_at_once();
    let stored = async || meeting.stack.objects().join("a.json").exists().then_some(());
    wait_until("the recording is stored", TIMEOUT, stored).await;
    meeting.stack.redis.start_again().await;
    let info = meeting.egress_in(EgressStatus::EgressComplete).await;

    assert!(info.file_results[0].location.ends_with("a.ogg"));
    meeting.removed().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_that_waits_for_its_store_is_stored_by_the_next_process() {
    let mut meeting = Recorded::start().await;
    meeting.play(440.0, 1000).await;
    let store = AwayStore::take_away(meeting.stack.objects());

    let stopped = meeting.stop().await;
    meeting.kill();
    store.bring_back();
    meeting.restart().await;
    let info = meeting.egress_in(EgressStatus::EgressComplete).await;

    assert_eq!(stopped.status(), EgressStatus::EgressEnding);
    assert_eq!(info.details, "End reason: StopEgress API");
    assert!(meeting.heard_ms(440.0) >= 800);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_was_lost_is_repeated_by_the_next_process() {
    let mut meeting = Recorded::start_with("session_limits: {file_output_max_duration: 2s}\n").await;

    meeting.stack.redis.stop();
    let stored = async || meeting.stack.objects().join("a.json").exists().then_some(());
    wait_until("the recording is stored", TIMEOUT, stored).await;
    meeting.kill();
    meeting.stack.redis.start_again().await;
    meeting.restart().await;
    let info = meeting.egress_in(EgressStatus::EgressLimitReached).await;

    assert!(info.file_results[0].location.ends_with("a.ogg"));
    meeting.removed().await;
}
