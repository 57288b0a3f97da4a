//! Workers that die, and several workers.

use std::collections::HashSet;

use domain::endpoint::DeliveryState;
use sqlx::PgPool;
use storage::deliveries::{ClaimLimits, claim_due};

use super::support::{DeliveryTest, client, lookup};
use crate::delivery::Courier;

const EXPIRE: &str = "UPDATE deliveries SET lease_until = now() - interval '1 second' WHERE lease_until IS NOT NULL";

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_message_whose_worker_was_killed_is_sent_again_with_the_same_id(pool: PgPool) {
    let test = DeliveryTest::new(pool).await;
    let endpoint = test.endpoint("ok").await;
    test.happen(1).await;
    let limits = ClaimLimits {
        total: 1,
        per_endpoint: 1,
        lease: std::time::Duration::from_secs(60),
    };
    let killed = claim_due(&test.worker.ctx.pool, limits).await.unwrap().remove(0);
    let sender = client(&["127.0.0.1/32"], lookup(|_| Vec::new()));
    sender.send(&killed, test.worker.now()).await; // killed before it stores the answer

    test.send_due().await;
    let before = test.delivery(endpoint).await;
    test.worker.execute(EXPIRE).await;
    test.send_due().await;

    let received = test.receiver.received("ok");
    assert_eq!((before.state, received.len()), (DeliveryState::Waiting, 2));
    assert_eq!(received[0].headers["webhook-id"], received[1].headers["webhook-id"]);
    assert_eq!(received[0].body, received[1].body);
    assert_eq!(test.delivery(endpoint).await.state, DeliveryState::Delivered);
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn two_workers_send_each_message_once(pool: PgPool) {
    let test = DeliveryTest::new(pool).await;
    test.endpoint("ok").await;
    test.happen(120).await;
    let other = Courier::new(
        test.worker.ctx.clone(),
        client(&["127.0.0.1/32"], lookup(|_| Vec::new())),
    );

    while test.receiver.received("ok").len() < 120 {
        let (first, second) = tokio::join!(test.courier.send_due(), other.send_due());
        first.unwrap();
        second.unwrap();
        tokio::join!(test.courier.finish(), other.finish());
    }

    let received = test.receiver.received("ok");
    let ids: HashSet<_> = received
        .iter()
        .map(|request| request.headers["webhook-id"].clone())
        .collect();
    assert_eq!((received.len(), ids.len()), (120, 120));
}
