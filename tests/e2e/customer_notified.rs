//! A customer's server and a live stream learn what happens in a meeting.

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_STANDARD};
use e2e::stack::Stack;
use hmac::{Hmac, Mac};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sha2::Sha256;
use test_support::{audio::tone, wait_until};
use wiremock::{Mock, MockServer, Request, ResponseTemplate, matchers::method};

/// Only a failing test waits this long.
const TIMEOUT: std::time::Duration = std::time::Duration::from_secs(30);

/// What a meeting with one recorded track tells.
const STORY: [&str; 7] = [
    "meeting.opened",
    "recording.requested",
    "recording.started",
    "recording.completed",
    "recording.accepted",
    "recording.transcribed",
    "meeting.closed",
];

#[tokio::test]
async fn a_customer_is_told_the_story_of_a_meeting_by_signed_webhooks_and_live_events() {
    let receiver = MockServer::start().await;
    Mock::given(method("POST"))
        .respond_with(ResponseTemplate::new(204))
        .mount(&receiver)
        .await;
    let stack = Stack::builder()
        .setting("TRACKSCRIBE_WEBHOOK_NETWORKS", "127.0.0.1/32")
        .setting("TRACKSCRIBE_WEBHOOK_HTTP", "true")
        .start()
        .await;
    let secret = create_endpoint(&stack, &receiver.uri()).await;
    stack.api().create_room("standup").await;

    let ada = stack.join("standup", "Ada").await;
    let microphone = ada.microphone().await;
    stack.active_recording("standup", microphone.sid()).await;
    microphone.play(&tone(440.0, 48_000)).await;
    ada.leave().await;

    let messages = wait_until("the transcript was told", TIMEOUT, async || {
        let messages = messages(&receiver, &secret).await;
        messages
            .values()
            .any(|message| message["type"] == "transcript.ready")
            .then_some(messages)
    })
    .await;
    let types: Vec<&str> = messages
        .values()
        .filter_map(|message| message["type"].as_str())
        .collect();
    for told in STORY {
        assert!(types.contains(&told), "{told} is missing in {types:?}");
    }
    let meeting = stack.meeting("standup").await;
    assert!(
        messages
            .values()
            .all(|message| message["data"]["meeting"]["id"] == meeting.id)
    );
    let stream = stack.api().first_events(messages.len()).await;
    assert!(messages.keys().all(|id| stream.contains(id)), "{stream}");
    stack.finish().await;
}

/// Creates an endpoint and returns the key that signs its messages.
async fn create_endpoint(stack: &Stack, url: &str) -> Vec<u8> {
    let body = json!({ "url": url });
    let response = stack.api().send(Method::POST, "/v1/endpoints", Some(body)).await;
    assert_eq!(response.status(), StatusCode::CREATED);
    let endpoint: Value = response.json().await.expect("an endpoint in JSON");
    let secret = endpoint["secret"].as_str().expect("a secret");
    let key = secret.strip_prefix("whsec_").expect("a secret of Standard Webhooks");
    BASE64_STANDARD.decode(key).expect("a key in Base64")
}

/// Returns the messages that were received, by their ids. All of them are signed.
async fn messages(receiver: &MockServer, secret: &[u8]) -> BTreeMap<String, Value> {
    let requests = receiver.received_requests().await.expect("recorded requests");
    requests
        .iter()
        .map(|request| {
            assert!(is_signed(request, secret), "{request:?}");
            let message: Value = request.body_json().expect("a message in JSON");
            (message["id"].as_str().expect("an id").to_owned(), message)
        })
        .collect()
}

fn is_signed(request: &Request, secret: &[u8]) -> bool {
    let header = |name: &str| request.headers[name].to_str().expect("a header of text").to_owned();
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("keys of any length are allowed");
    mac.update(format!("{}.{}.", header("webhook-id"), header("webhook-timestamp")).as_bytes());
    mac.update(&request.body);
    header("webhook-signature") == format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()))
}
