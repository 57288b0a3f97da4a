use domain::{
    EndpointId, FeedEventId,
    endpoint::{DisabledReason, Endpoint, EndpointSecret},
};
use sqlx::{PgConnection, PgPool};

use super::*;
use crate::{deliveries, support};

fn secret(byte: u8) -> EndpointSecret {
    EndpointSecret(vec![byte; 32])
}

async fn secrets(conn: &mut PgConnection, id: EndpointId) -> Vec<u8> {
    let mut all = list_secrets(conn, &[id]).await.unwrap();
    let of_endpoint = all.remove(&id).unwrap_or_default();
    of_endpoint.into_iter().map(|secret| secret.0[0]).collect()
}

#[sqlx::test]
async fn an_endpoint_reads_back_as_written_and_their_number_is_bounded(pool: PgPool) {
    let mut conn = pool.acquire().await.unwrap();
    let first = support::endpoint();
    let changed = Endpoint {
        description: "new".to_owned(),
        event_types: vec!["meeting.opened".to_owned()],
        room: Some("standup".to_owned()),
        disabled: Some(DisabledReason::Requested),
        ..first.clone()
    };

    let inserted = insert(&mut conn, &first, &secret(1), 1).await.unwrap();
    let refused = insert(&mut conn, &support::endpoint(), &secret(2), 1).await.unwrap();
    save(&mut conn, &changed).await.unwrap();

    assert!(inserted && !refused);
    assert_eq!(list(&mut conn, None, 9).await.unwrap(), [changed]);
    assert!(delete(&mut conn, first.id).await.unwrap() && !delete(&mut conn, first.id).await.unwrap());
}

#[sqlx::test]
async fn the_previous_key_signs_for_a_day_and_older_ones_not_at_all(pool: PgPool) {
    let mut conn = pool.acquire().await.unwrap();
    let endpoint = support::endpoint();
    insert(&mut conn, &endpoint, &secret(1), 9).await.unwrap();

    let before = secrets(&mut conn, endpoint.id).await;
    add_secret(&mut conn, endpoint.id, &secret(2)).await.unwrap();
    let during = secrets(&mut conn, endpoint.id).await;
    add_secret(&mut conn, endpoint.id, &secret(3)).await.unwrap();
    let twice = secrets(&mut conn, endpoint.id).await;
    sqlx::query("UPDATE endpoint_secrets SET expires_at = now() WHERE expires_at IS NOT NULL")
        .execute(&mut *conn)
        .await
        .unwrap();

    assert_eq!((before, during, twice), (vec![1], vec![2, 1], vec![3, 2]));
    assert_eq!(secrets(&mut conn, endpoint.id).await, [3]);
}

#[sqlx::test]
async fn disabling_fails_what_waits_and_tells_it_once(pool: PgPool) {
    let mut conn = pool.acquire().await.unwrap();
    let endpoint = support::endpoint();
    insert(&mut conn, &endpoint, &secret(1), 9).await.unwrap();
    let event = endpoint.test_event(FeedEventId(uuid::Uuid::now_v7()));
    let delivery = support::id();
    deliveries::insert_test(&mut conn, delivery, endpoint.id, &event)
        .await
        .unwrap();

    for _ in 0..2 {
        disable(&mut conn, endpoint.id, DisabledReason::Gone).await.unwrap();
    }

    let failed = deliveries::find(&mut conn, delivery).await.unwrap().unwrap();
    let types: Vec<String> = sqlx::query_scalar("SELECT type FROM feed ORDER BY seq")
        .fetch_all(&pool)
        .await
        .unwrap();
    assert_eq!(
        find(&mut conn, endpoint.id).await.unwrap().unwrap().disabled,
        Some(DisabledReason::Gone)
    );
    assert_eq!(failed.error.as_deref(), Some("the endpoint was disabled"));
    assert_eq!(types, ["endpoint.test", "endpoint.disabled"]);
}
