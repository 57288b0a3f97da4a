//! Whereby's webhooks.

use axum::http::StatusCode;
use chrono::Utc;
use platform::whereby::verify;
use test_support::platforms::whereby::{FakeWhereby, WEBHOOK_SECRET};

use super::receiver::Receiver;
use super::whereby_api::{client, recorded_meeting, unrecorded};

#[tokio::test]
async fn every_webhook_is_authentic_and_the_recorder_comes_and_goes_with_people() {
    let (whereby, receiver) = (FakeWhereby::start().await, Receiver::start().await);
    whereby.send_webhooks_to(&receiver.url);
    let meeting = recorded_meeting(&client(&whereby)).await;

    let zoe = whereby
        .join(&format!("{}?displayName=Zo%C3%AB", meeting.url))
        .await
        .unwrap();
    whereby.leave(&zoe).await;

    for (headers, body) in receiver.received() {
        verify(&headers, &body, &[WEBHOOK_SECRET.into()], Utc::now()).unwrap();
    }
    let (joined, left) = ("room.client.joined", "room.client.left");
    assert_eq!(receiver.names(), [joined, joined, left, left, "recording.finished"]);
}

#[tokio::test]
async fn a_failed_webhook_is_sent_three_times() {
    let (whereby, receiver) = (FakeWhereby::start().await, Receiver::start().await);
    whereby.send_webhooks_to(&receiver.url);
    receiver.answer(StatusCode::INTERNAL_SERVER_ERROR);
    let meeting = client(&whereby).create_meeting(&unrecorded()).await.unwrap();

    whereby.join(&meeting.url).await.unwrap();

    assert_eq!(receiver.names(), ["room.client.joined"; 3]);
}

#[tokio::test]
async fn webhooks_can_be_lost_repeated_and_reordered() {
    let (whereby, receiver) = (FakeWhereby::start().await, Receiver::start().await);
    whereby.send_webhooks_to(&receiver.url);
    let delivery = whereby.controls().delivery();
    let meeting = client(&whereby).create_meeting(&unrecorded()).await.unwrap();

    delivery.hold();
    let zoe = whereby.join(&meeting.url).await.unwrap();
    whereby.leave(&zoe).await;
    delivery.release_reversed().await;
    delivery.repeat(2);
    delivery.drop_events("room.client.left");
    let ada = whereby.join(&meeting.url).await.unwrap();
    whereby.leave(&ada).await;

    let (joined, left) = ("room.client.joined", "room.client.left");
    assert_eq!(receiver.names(), [left, joined, joined, joined]);
}
