//! The order in which webhooks arrive does not matter.

use axum::http::StatusCode;
use rand::{SeedableRng, rngs::StdRng, seq::SliceRandom};
use storage::PgPool;

use super::{content, rows, with_room};
use crate::support::{CapturedWebhook, TestApp};

/// Of the captured call in which LiveKit was killed.
const ROOM_OF_CRASH: &str = "rs";

/// As many orders as are tried, each with every webhook three times.
const ORDERS: u64 = 200;

/// What stays the same whenever the webhooks came: the content, and the inbox.
async fn lasting(app: &TestApp) -> (String, Vec<String>) {
    (content(app).await, rows(app, "event_id", "events").await)
}

async fn forget(app: &TestApp) {
    sqlx::query("TRUNCATE meetings, events, jobs CASCADE")
        .execute(&app.pool)
        .await
        .unwrap();
}

async fn any_order_ends_in_the_same(app: &TestApp, names: &[String]) {
    for name in names {
        app.replay(name).await;
    }
    let expected = lasting(app).await;
    assert!(expected.0.contains("recording"), "{}", expected.0);

    for seed in 0..ORDERS {
        forget(app).await;
        let mut order: Vec<&String> = names.iter().flat_map(|name| [name; 3]).collect();
        order.shuffle(&mut StdRng::seed_from_u64(seed));
        for name in order {
            assert_eq!(app.replay(name).await.status, StatusCode::OK, "{name} of order {seed}");
        }

        assert_eq!(lasting(app).await, expected, "order {seed}");
    }
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn the_webhooks_of_a_call_end_in_the_same_in_any_order(pool: PgPool) {
    let app = with_room(pool).await;

    any_order_ends_in_the_same(&app, &CapturedWebhook::of_a_call()).await;
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn the_webhooks_of_a_call_that_livekit_crashed_in_end_in_the_same_in_any_order(pool: PgPool) {
    let app = with_room(pool).await;
    app.create_room(ROOM_OF_CRASH).await;

    any_order_ends_in_the_same(&app, &CapturedWebhook::of_a_crash()).await;
}
