//! Where messages are never sent.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use domain::endpoint::DeliveryState;
use sqlx::PgPool;

use super::support::{DeliveryTest, lookup};

const REFUSED: &str = "the address of the endpoint is not public";

/// Adds an endpoint at a name, sends one message there, and returns why it failed.
async fn send_to_name(test: &DeliveryTest) -> Option<String> {
    let url = format!("http://hook.example:{}/ok", test.receiver.address.port());
    let endpoint = test.endpoint_at(url).await;
    test.happen(1).await;
    test.send_due().await;
    test.delivery(endpoint).await.error
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_name_that_leads_to_a_private_address_is_refused(pool: PgPool) {
    for addresses in [
        vec!["10.0.0.1"],
        vec!["169.254.169.254"],
        vec!["::1"],
        vec!["fd00::1"],
        vec!["::ffff:192.168.0.1"],
        vec!["64:ff9b::7f00:1"],
        vec!["127.0.0.1", "127.0.0.2"],
        vec!["127.0.0.1", "10.0.0.1"],
    ] {
        let test = DeliveryTest::with_lookup(pool.clone(), lookup(move |_| addresses.clone())).await;

        let error = send_to_name(&test).await;

        assert_eq!(error.as_deref(), Some(REFUSED));
        assert!(test.receiver.received("ok").is_empty());
        test.worker.execute("DELETE FROM endpoints").await;
        test.worker.execute("DELETE FROM rooms").await;
    }
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn the_address_that_was_checked_is_called_also_if_the_name_changes(pool: PgPool) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = asked.clone();
    let changing = lookup(move |_| match counter.fetch_add(1, Ordering::Relaxed) {
        0 => vec!["127.0.0.1"], // permitted
        _ => vec!["10.0.0.1"],
    });
    let test = DeliveryTest::with_lookup(pool, changing).await;

    let error = send_to_name(&test).await;

    assert_eq!((error, asked.load(Ordering::Relaxed)), (None, 1));
    assert_eq!(test.receiver.received("ok").len(), 1);
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn an_endpoint_that_the_operator_no_longer_allows_is_not_called(pool: PgPool) {
    let test = DeliveryTest::new(pool).await;
    let port = test.receiver.address.port();
    let cases = [
        (
            test.endpoint_at(format!("http://127.0.0.2:{port}/ok")).await,
            "the address is not public",
        ),
        (
            test.endpoint_at("ftp://127.0.0.1/ok".to_owned()).await,
            "must begin with https://",
        ),
        (
            test.endpoint_at("http://127.0.0.1:22/ok".to_owned()).await,
            "the port must be 80, 443, or above 1023",
        ),
        (
            test.endpoint_at("nonsense".to_owned()).await,
            "must be an absolute URL of at most 2048 bytes",
        ),
    ];
    test.happen(1).await;

    test.send_due().await;

    for (endpoint, error) in cases {
        let delivery = test.delivery(endpoint).await;
        assert_eq!(
            (delivery.state, delivery.error.as_deref()),
            (DeliveryState::Waiting, Some(error))
        );
    }
    assert!(test.receiver.received("ok").is_empty());
}
