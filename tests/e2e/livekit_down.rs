//! LiveKit is down.

use std::time::Duration;

use e2e::{api::Api, stack::Stack};
use reqwest::Method;
use serde_json::Value;
use test_support::wait_until;

/// How long `/readyz` may take to report a change.
const READYZ_TIMEOUT: Duration = Duration::from_secs(20);

#[tokio::test]
async fn without_livekit_tokens_are_still_issued_and_readyz_names_livekit() {
    let mut stack = Stack::start().await;
    let api = stack.api();
    api.create_room("standup").await;

    stack.livekit.kill();

    let join = api.join("standup", "Ada").await;
    assert!(!join.token.is_empty());
    let readyz = wait_for_status(&api, "degraded").await;
    let status = |name: &str| readyz["dependencies"][name]["status"].clone();
    assert_eq!(
        [status("database"), status("store"), status("livekit")],
        ["ok", "ok", "failed"],
        "{readyz}"
    );

    stack.livekit.start_again().await;

    wait_for_status(&api, "ready").await;
    stack.finish().await;
}

async fn wait_for_status(api: &Api, status: &str) -> Value {
    wait_until(&format!("readyz is {status}"), READYZ_TIMEOUT, async || {
        let body: Value = api.send(Method::GET, "/readyz", None).await.json().await.ok()?;
        (body["status"] == status).then_some(body)
    })
    .await
}
