use std::time::Duration;

use chrono::{TimeDelta, Utc};
use domain::{
    DeliveryId, EndpointId, FeedEventId,
    endpoint::{DeliveryState, DisabledReason, Endpoint, EndpointSecret},
};
use sqlx::PgPool;
use uuid::Uuid;

use super::*;
use crate::{endpoints, feed, support};

const LIMITS: ClaimLimits = ClaimLimits {
    total: 100,
    per_endpoint: 4,
    lease: Duration::from_secs(60),
};

async fn add_endpoint(pool: &PgPool, change: impl FnOnce(&mut Endpoint)) -> EndpointId {
    let mut endpoint = support::endpoint();
    change(&mut endpoint);
    let mut conn = pool.acquire().await.unwrap();
    let secret = EndpointSecret(vec![7; 32]);
    endpoints::insert(&mut conn, &endpoint, &secret, 99).await.unwrap();
    endpoint.id
}

async fn happen(pool: &PgPool, kind: &str, room: &str, times: i32) {
    sqlx::query(
        "INSERT INTO feed (id, type, room, data) SELECT gen_random_uuid(), $1, $2, '{}' FROM generate_series(1, $3)",
    )
    .bind(kind)
    .bind(room)
    .bind(times)
    .execute(pool)
    .await
    .unwrap();
    feed::publish(pool).await.unwrap();
}

async fn ledger(pool: &PgPool, endpoint: EndpointId) -> Vec<Delivery> {
    let filter = DeliveryFilter {
        endpoint_id: Some(endpoint),
        state: None,
    };
    list(&mut pool.acquire().await.unwrap(), filter, None, 1_000)
        .await
        .unwrap()
}

async fn execute(pool: &PgPool, sql: &'static str) {
    sqlx::query(sql).execute(pool).await.unwrap();
}

#[sqlx::test]
async fn every_event_is_delivered_to_the_enabled_endpoints_that_want_it(pool: PgPool) {
    let all = add_endpoint(&pool, |_| {}).await;
    let closed = add_endpoint(&pool, |e| e.event_types = vec!["meeting.closed".to_owned()]).await;
    let retro = add_endpoint(&pool, |e| e.room = Some("retro".to_owned())).await;
    let disabled = add_endpoint(&pool, |e| e.disabled = Some(DisabledReason::Requested)).await;

    happen(&pool, "meeting.opened", "standup", 1).await;
    happen(&pool, "meeting.closed", "retro", 1).await;
    happen(&pool, "endpoint.test", "retro", 1).await;

    let mut counts = Vec::new();
    for endpoint in [all, closed, retro, disabled] {
        counts.push(ledger(&pool, endpoint).await.len());
    }
    assert_eq!(counts, [2, 1, 1, 0]);
}

#[sqlx::test]
async fn a_claim_takes_turns_and_leaves_at_most_some_under_way_to_each_endpoint(pool: PgPool) {
    let (busy, quiet) = (
        add_endpoint(&pool, |_| {}).await,
        add_endpoint(&pool, |e| e.room = Some("b".to_owned())).await,
    );
    happen(&pool, "meeting.opened", "a", 50).await;
    happen(&pool, "meeting.opened", "b", 1).await;
    let endpoints = |claimed: &[ClaimedDelivery]| claimed.iter().map(|c| c.lease.endpoint).collect::<Vec<_>>();

    let two = claim_due(&pool, ClaimLimits { total: 2, ..LIMITS }).await.unwrap();
    let rest = claim_due(&pool, LIMITS).await.unwrap();
    let none = claim_due(&pool, LIMITS).await.unwrap();

    assert!(endpoints(&two).contains(&quiet) && endpoints(&two).contains(&busy));
    assert_eq!(endpoints(&rest), [busy; 3]);
    assert!(none.is_empty());
    assert_eq!((two[0].secrets.len(), two[0].attempt), (1, 1));
}

#[sqlx::test]
async fn one_message_at_a_time_goes_to_an_endpoint_that_fails(pool: PgPool) {
    let endpoint = add_endpoint(&pool, |_| {}).await;
    happen(&pool, "meeting.opened", "a", 9).await;
    let claimed = claim_due(&pool, LIMITS).await.unwrap();
    let mut conn = pool.acquire().await.unwrap();
    for delivery in &claimed {
        let stored = retry(
            &mut conn,
            delivery.lease,
            &AttemptRecord::default(),
            Duration::from_secs(3600),
        )
        .await;
        assert!(stored.unwrap());
    }

    let probe = claim_due(&pool, LIMITS).await.unwrap();
    deliver(&mut conn, probe[0].lease, &AttemptRecord::default())
        .await
        .unwrap();
    let recovered = claim_due(&pool, LIMITS).await.unwrap();

    assert_eq!((claimed.len(), probe.len(), recovered.len()), (4, 1, 4));
    let endpoint = endpoints::find(&mut conn, endpoint).await.unwrap().unwrap();
    assert_eq!(endpoint.failing_since, None);
}

#[sqlx::test]
async fn a_killed_workers_delivery_is_claimed_again_and_its_late_result_does_not_count(pool: PgPool) {
    let endpoint = add_endpoint(&pool, |_| {}).await;
    happen(&pool, "meeting.opened", "a", 1).await;
    let first = claim_due(&pool, LIMITS).await.unwrap().remove(0);
    execute(&pool, "UPDATE deliveries SET lease_until = now() - interval '1 second'").await;

    let second = claim_due(&pool, LIMITS).await.unwrap().remove(0);
    let mut conn = pool.acquire().await.unwrap();
    let record = AttemptRecord {
        status: Some(204),
        ..AttemptRecord::default()
    };
    let late = fail(&mut conn, first.lease, &record).await.unwrap();
    let in_time = deliver(&mut conn, second.lease, &record).await.unwrap();

    assert_eq!((first.event.id, first.attempt, second.attempt), (second.event.id, 1, 2));
    assert!(!late && in_time);
    let line = ledger(&pool, endpoint).await.remove(0);
    assert_eq!((line.state, line.status), (DeliveryState::Delivered, Some(204)));
}

#[sqlx::test]
async fn claimers_at_the_same_time_never_get_the_same_delivery(pool: PgPool) {
    add_endpoint(&pool, |_| {}).await;
    happen(&pool, "meeting.opened", "a", 40).await;
    let limits = ClaimLimits {
        per_endpoint: 100,
        ..LIMITS
    };

    let claims = (0..4).map(|_| claim_due(&pool, ClaimLimits { total: 10, ..limits }));
    let mut ids: Vec<DeliveryId> = futures::future::join_all(claims)
        .await
        .into_iter()
        .flat_map(|claimed| claimed.unwrap())
        .map(|claimed| claimed.lease.delivery)
        .collect();
    let claimed = ids.len();
    ids.sort();
    ids.dedup();

    assert!(claimed >= 10 && ids.len() == claimed, "{claimed}");
}

#[sqlx::test]
async fn finished_deliveries_are_replayed_one_by_one_or_all_failed_since_a_time(pool: PgPool) {
    let endpoint = add_endpoint(&pool, |_| {}).await;
    happen(&pool, "meeting.opened", "a", 4).await;
    let claimed = claim_due(&pool, LIMITS).await.unwrap();
    let mut conn = pool.acquire().await.unwrap();
    let record = AttemptRecord::default();
    for failed in &claimed[..3] {
        fail(&mut conn, failed.lease, &record).await.unwrap();
    }
    deliver(&mut conn, claimed[3].lease, &record).await.unwrap();

    let one = replay(&mut conn, claimed[3].lease.delivery).await.unwrap();
    let again = replay(&mut conn, claimed[3].lease.delivery).await.unwrap();
    let future = replay_failed(&mut conn, endpoint, Utc::now() + TimeDelta::hours(1))
        .await
        .unwrap();
    let failed = replay_failed(&mut conn, endpoint, Utc::now() - TimeDelta::hours(1))
        .await
        .unwrap();

    assert!(one && !again);
    assert_eq!((future, failed), (0, 3));
    let waiting = ledger(&pool, endpoint).await;
    assert!(
        waiting
            .iter()
            .all(|d| d.state == DeliveryState::Waiting && d.attempts == 0)
    );
}

#[sqlx::test]
async fn a_disabled_endpoint_gets_only_tests_however_much_waits_and_can_be_deleted(pool: PgPool) {
    let endpoint = add_endpoint(&pool, |_| {}).await;
    happen(&pool, "meeting.opened", "a", 2_500).await;
    let mut conn = pool.acquire().await.unwrap();
    endpoints::disable(&mut conn, endpoint, DisabledReason::Requested)
        .await
        .unwrap();
    let disabled = endpoints::find(&mut conn, endpoint).await.unwrap().unwrap();
    let test = support::id();
    insert_test(
        &mut conn,
        test,
        endpoint,
        &disabled.test_event(FeedEventId(Uuid::now_v7())),
    )
    .await
    .unwrap();
    feed::publish(&pool).await.unwrap();

    let claimed = claim_due(&pool, LIMITS).await.unwrap();
    let failed = fail_disabled(&pool).await.unwrap();
    let deleted = endpoints::delete(&mut conn, endpoint).await.unwrap();

    assert_eq!(
        claimed.iter().map(|claimed| claimed.lease.delivery).collect::<Vec<_>>(),
        [test]
    );
    assert_eq!((failed, deleted), (500, true));
    assert!(ledger(&pool, endpoint).await.is_empty());
}

#[sqlx::test]
async fn a_test_goes_to_one_endpoint_once_it_is_published(pool: PgPool) {
    let (tested, other) = (add_endpoint(&pool, |_| {}).await, add_endpoint(&pool, |_| {}).await);
    let mut conn = pool.acquire().await.unwrap();
    let endpoint = endpoints::find(&mut conn, tested).await.unwrap().unwrap();
    let event = endpoint.test_event(FeedEventId(Uuid::now_v7()));
    insert_test(&mut conn, support::id(), tested, &event).await.unwrap();

    let before = claim_due(&pool, LIMITS).await.unwrap();
    feed::publish(&pool).await.unwrap();
    let after = claim_due(&pool, LIMITS).await.unwrap();

    assert!(before.is_empty());
    assert_eq!((after.len(), after[0].event.kind.as_str()), (1, "endpoint.test"));
    assert!(ledger(&pool, other).await.is_empty());
}

#[sqlx::test]
async fn the_ledger_is_listed_newest_first_and_goes_with_its_event(pool: PgPool) {
    let endpoint = add_endpoint(&pool, |_| {}).await;
    happen(&pool, "meeting.opened", "a", 3).await;
    let all = ledger(&pool, endpoint).await;
    let mut conn = pool.acquire().await.unwrap();

    let rest = list(&mut conn, DeliveryFilter::default(), Some(all[0].id), 9)
        .await
        .unwrap();
    feed::prune(&pool, Utc::now() + TimeDelta::hours(1)).await.unwrap();

    assert_eq!(rest, all[1..]);
    assert!(all.is_sorted_by(|a, b| a.id > b.id));
    assert!(ledger(&pool, endpoint).await.is_empty());
}
