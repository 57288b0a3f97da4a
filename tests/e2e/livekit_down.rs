//! LiveKit is away.

use std::time::Duration;

use e2e::{api::Api, stack::Stack, wait_until};
use reqwest::Method;
use serde_json::Value;

/// How long readyz may take to see a change.
const NOTICED: Duration = Duration::from_secs(20);

#[tokio::test]
async fn without_livekit_tokens_are_still_issued_and_readyz_says_what_is_missing() {
    let mut stack = Stack::start().await;
    let api = stack.api();
    api.create_room("standup").await;

    stack.livekit.kill();

    let joined = api.join("standup", "Ada").await;
    assert!(!joined.token.is_empty());
    let said = ready_as(&api, "degraded").await;
    let status = |name: &str| said["dependencies"][name]["status"].clone();
    assert_eq!(
        [status("database"), status("store"), status("livekit")],
        ["ok", "ok", "failed"],
        "{said}"
    );

    stack.livekit.start_again().await;

    ready_as(&api, "ready").await;
    stack.finish().await;
}

async fn ready_as(api: &Api, status: &str) -> Value {
    wait_until(&format!("readyz is {status}"), NOTICED, async || {
        let body: Value = api.send(Method::GET, "/readyz", None).await.json().await.ok()?;
        (body["status"] == status).then_some(body)
    })
    .await
}
