//! Daily's webhook: created, signed, switched off, updated.

use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::Utc;
use platform::PlatformError;
use platform::daily::{Authentic, NewWebhook, WebhookSecret, WebhookState, verify};
use secrecy::{ExposeSecret, SecretString};
use test_support::platforms::daily::FakeDaily;

use super::daily_api::{client, join, room};
use super::receiver::Receiver;

fn new(url: &str) -> NewWebhook {
    NewWebhook {
        url: url.to_owned(),
        secret: secret(),
    }
}

fn secret() -> SecretString {
    STANDARD.encode([7; 32]).into()
}

#[tokio::test]
async fn everything_that_a_created_webhook_sends_is_authentic() {
    let (daily, receiver) = (FakeDaily::start().await, Receiver::start().await);
    let client = client(&daily);
    let made = client.create_webhook(&new(&receiver.url)).await.unwrap();
    client.create_room(&room("standup-1")).await.unwrap();

    let zoe = join(&daily, &client, "standup-1", "p-zoe").await;
    daily.leave(&zoe).await;

    assert!(made.is_healthy(&secret()));
    let secrets = [WebhookSecret::parse(&secret()).unwrap()];
    let checked = receiver.received();
    let checked = checked
        .iter()
        .map(|(headers, body)| verify(headers, body, &secrets, Utc::now()).unwrap());
    let checked: Vec<_> = checked.collect();
    assert_eq!(checked[0], Authentic::Ping);
    assert_eq!(checked[1..], [Authentic::Event; 4]);
    assert_eq!(
        receiver.names(),
        [
            "meeting.started",
            "participant.joined",
            "participant.left",
            "meeting.ended"
        ]
    );
}

#[tokio::test]
async fn a_webhook_whose_address_does_not_answer_is_not_created() {
    let (daily, receiver) = (FakeDaily::start().await, Receiver::start().await);
    receiver.answer(StatusCode::NOT_FOUND);

    let refused = client(&daily).create_webhook(&new(&receiver.url)).await.unwrap_err();

    assert!(matches!(refused, PlatformError::Refused(..)));
    let chain = format!("{refused:?}");
    assert!(!chain.contains(secret().expose_secret()), "{chain}");
    assert!(daily.webhooks().is_empty());
}

#[tokio::test]
async fn a_webhook_is_off_after_three_failures_and_an_update_switches_it_on() {
    let (daily, receiver) = (FakeDaily::start().await, Receiver::start().await);
    let client = client(&daily);
    let made = client.create_webhook(&new(&receiver.url)).await.unwrap();
    client.create_room(&room("standup-1")).await.unwrap();
    receiver.answer(StatusCode::INTERNAL_SERVER_ERROR);
    let zoe = join(&daily, &client, "standup-1", "p-zoe").await;
    daily.leave(&zoe).await;

    let failed = client.list_webhooks().await.unwrap();
    receiver.answer(StatusCode::OK);
    let updated = client.update_webhook(&made.id, &new(&receiver.url)).await.unwrap();

    assert_eq!((&failed[0].state, failed[0].failures), (&WebhookState::Failed, 3));
    assert!(!failed[0].is_healthy(&secret()) && failed[0].last_pushed_at.is_some());
    assert!(updated.is_healthy(&secret()));
    assert_eq!(updated.id, made.id);
    client.delete_webhook(&made.id).await.unwrap();
    client.delete_webhook(&made.id).await.unwrap();
    assert!(client.list_webhooks().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_webhook_that_lacks_an_event_or_has_another_secret_is_not_healthy() {
    let (daily, receiver) = (FakeDaily::start().await, Receiver::start().await);
    let mut made = client(&daily).create_webhook(&new(&receiver.url)).await.unwrap();

    assert!(
        !made.is_healthy(&STANDARD.encode([8; 32]).into()),
        "another secret signs it"
    );
    made.event_types.retain(|name| name != "meeting.ended");

    assert!(!made.is_healthy(&secret()));
}
