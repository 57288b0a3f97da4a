//! What each answer leads to.

use base64::{Engine, prelude::BASE64_STANDARD};
use chrono::{TimeDelta, Utc};
use domain::endpoint::{DeliveryState, DisabledReason, EndpointSecret};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use super::support::{DeliveryTest, Received, SECRET};
use crate::support::eventually;

/// Checks a signature as a receiver does.
fn is_signed_by(request: &Received, secret: &[u8]) -> bool {
    let header = |name: &str| request.headers[name].as_str();
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
    mac.update(
        format!(
            "{}.{}.{}",
            header("webhook-id"),
            header("webhook-timestamp"),
            request.body
        )
        .as_bytes(),
    );
    let expected = format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()));
    header("webhook-signature")
        .split(' ')
        .any(|signature| signature == expected)
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_message_is_signed_by_both_keys_during_a_rotation_and_confirmed_once(pool: PgPool) {
    let test = DeliveryTest::new(pool).await;
    let endpoint = test.endpoint("ok").await;
    let mut conn = test.worker.ctx.conn().await.unwrap();
    let next = EndpointSecret(vec![8; 32]);
    storage::endpoints::add_secret(&mut conn, endpoint, &next)
        .await
        .unwrap();
    test.happen(1).await;

    test.send_due().await;
    test.send_due().await;

    let received = test.receiver.received("ok");
    let (request, delivery) = (&received[0], test.delivery(endpoint).await);
    let message: serde_json::Value = serde_json::from_str(&request.body).unwrap();
    assert_eq!(
        (received.len(), delivery.state, delivery.status),
        (1, DeliveryState::Delivered, Some(204))
    );
    assert!(is_signed_by(request, &SECRET) && is_signed_by(request, &next.0) && !is_signed_by(request, b"other"));
    assert_eq!(request.headers["webhook-id"], message["id"].as_str().unwrap());
    assert_eq!(
        request.headers["webhook-timestamp"],
        test.worker.now().timestamp().to_string()
    );
    assert_eq!(
        (request.headers["content-type"].as_str(), &message["type"]),
        ("application/json", &"meeting.opened".into())
    );
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn failures_are_kept_in_the_ledger_and_sent_again_later(pool: PgPool) {
    let test = DeliveryTest::new(pool).await;
    let closed = format!("http://127.0.0.1:{}/", unused_port());
    let broken = test.endpoint("error").await;
    let cases = [
        (broken, Some(500), "the endpoint answered 500"),
        (test.endpoint("missing").await, Some(404), "the endpoint answered 404"),
        (test.endpoint("redirect").await, Some(302), "the endpoint answered 302"),
        (test.endpoint("hang").await, None, "no answer within 800ms"),
        (test.endpoint_at(closed).await, None, "cannot connect"),
        (
            test.endpoint_at(test.receiver.url("ok").replace("http:", "https:"))
                .await,
            None,
            "the TLS handshake failed; check the certificate",
        ),
    ];
    test.happen(1).await;

    test.send_due().await;

    for (endpoint, status, error) in cases {
        let delivery = test.delivery(endpoint).await;
        assert_eq!((delivery.status, delivery.error.as_deref()), (status, Some(error)));
        assert_eq!(
            (delivery.state, delivery.attempts),
            (DeliveryState::Waiting, 1),
            "{error}"
        );
        let pause = delivery.due_at - delivery.attempted_at.unwrap();
        assert!(
            pause > TimeDelta::seconds(3) && pause < TimeDelta::seconds(10),
            "{error}: {pause}"
        );
        assert!(test.stored_endpoint(endpoint).await.failing_since.is_some(), "{error}");
    }
    assert!(test.receiver.received("ok").is_empty());
    assert_eq!(
        test.delivery(broken).await.response.as_deref(),
        Some("broken\u{fffd}pipe")
    );
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn the_status_counts_however_long_the_body_is(pool: PgPool) {
    let test = DeliveryTest::new(pool).await;
    let (drip, huge) = (test.endpoint("drip").await, test.endpoint("huge").await);
    test.happen(1).await;

    test.send_due().await;

    for endpoint in [drip, huge] {
        let delivery = test.delivery(endpoint).await;
        assert_eq!(delivery.state, DeliveryState::Delivered);
        assert!(delivery.response.unwrap().len() <= 1_024);
    }
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn an_endpoint_may_ask_for_a_longer_pause(pool: PgPool) {
    let test = DeliveryTest::new(pool).await;
    let endpoint = test.endpoint("busy").await;
    test.happen(1).await;

    test.send_due().await;

    let delivery = test.delivery(endpoint).await;
    assert_eq!((delivery.state, delivery.status), (DeliveryState::Waiting, Some(429)));
    assert!(
        delivery.due_at - Utc::now() > TimeDelta::minutes(58),
        "{:?}",
        delivery.due_at
    );
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn an_endpoint_that_is_gone_is_disabled_and_the_others_are_told(pool: PgPool) {
    let test = DeliveryTest::new(pool).await;
    let (gone, other) = (test.endpoint("gone").await, test.endpoint("ok").await);
    test.happen(1).await;

    test.send_due().await;
    storage::feed::publish(&test.worker.ctx.pool).await.unwrap();
    test.send_due().await;

    assert_eq!(test.stored_endpoint(gone).await.disabled, Some(DisabledReason::Gone));
    assert_eq!(test.delivery(gone).await.state, DeliveryState::Failed);
    let types: Vec<_> = test
        .ledger(other)
        .await
        .into_iter()
        .map(|delivery| delivery.event_type)
        .collect();
    assert_eq!(types, ["endpoint.disabled", "meeting.opened"]);
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn an_endpoint_that_fails_for_days_is_disabled_and_one_that_recovers_is_not(pool: PgPool) {
    let test = DeliveryTest::new(pool).await;
    let (dead, shaky) = (test.endpoint("error").await, test.endpoint("missing").await);
    test.happen(1).await;
    test.worker.execute("UPDATE deliveries SET attempts = 11").await;
    test.worker
        .execute("UPDATE endpoints SET failing_since = now() - interval '3 days' WHERE url LIKE '%/error'")
        .await;

    test.send_due().await;

    for endpoint in [dead, shaky] {
        assert_eq!(test.delivery(endpoint).await.state, DeliveryState::Failed);
    }
    assert_eq!(test.stored_endpoint(dead).await.disabled, Some(DisabledReason::Failing));
    assert_eq!(test.stored_endpoint(shaky).await.disabled, None);
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_failed_test_is_not_repeated(pool: PgPool) {
    let test = DeliveryTest::new(pool).await;
    let endpoint = test.endpoint("error").await;
    let event = test
        .stored_endpoint(endpoint)
        .await
        .test_event((test.worker.ctx.ids)().into());
    let mut conn = test.worker.ctx.conn().await.unwrap();
    let id = (test.worker.ctx.ids)().into();
    storage::deliveries::insert_test(&mut conn, id, endpoint, &event)
        .await
        .unwrap();
    storage::feed::publish(&test.worker.ctx.pool).await.unwrap();

    test.send_due().await;

    assert_eq!(test.delivery(endpoint).await.state, DeliveryState::Failed);
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_slow_endpoint_holds_up_no_other(pool: PgPool) {
    let test = DeliveryTest::new(pool).await;
    test.endpoint("hang").await;
    test.endpoint("ok").await;
    test.happen(40).await;
    let stop = CancellationToken::new();

    let running = tokio::spawn(test.courier.clone().run(stop.clone()));
    eventually("the other endpoint has all messages", || async {
        test.receiver.received("ok").len() == 40
    })
    .await;
    let slow = test.receiver.received("hang").len();
    stop.cancel();
    running.await.unwrap();

    assert!(slow <= 8, "{slow} messages were under way to a slow endpoint");
}

fn unused_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
