//! The order in which webhooks arrive does not matter.

use axum::http::StatusCode;
use rand::{SeedableRng, rngs::StdRng, seq::SliceRandom};
use storage::PgPool;

use super::{content, rows, with_room};
use crate::support::{CapturedWebhook, TestApp};

/// Room of the captured call during which LiveKit was killed.
const ROOM_OF_CRASH: &str = "rs";

/// Number of shuffled orders, each with every webhook three times.
const ORDER_COUNT: u64 = 200;

/// Returns everything that must not depend on the order of webhooks: the content and the inbox.
async fn order_independent_state(app: &TestApp) -> (String, Vec<String>) {
    (content(app).await, rows(app, "event_id", "events").await)
}

/// Deletes all meetings, events and jobs.
async fn reset(app: &TestApp) {
    sqlx::query("TRUNCATE meetings, events, jobs CASCADE")
        .execute(&app.pool)
        .await
        .unwrap();
}

async fn assert_same_result_in_any_order(app: &TestApp, names: &[String]) {
    for name in names {
        app.replay(name).await;
    }
    let expected = order_independent_state(app).await;
    assert!(expected.0.contains("recording"), "{}", expected.0);

    for seed in 0..ORDER_COUNT {
        reset(app).await;
        let mut order: Vec<&String> = names.iter().flat_map(|name| [name; 3]).collect();
        order.shuffle(&mut StdRng::seed_from_u64(seed));
        for name in order {
            assert_eq!(app.replay(name).await.status, StatusCode::OK, "{name} in order {seed}");
        }

        assert_eq!(order_independent_state(app).await, expected, "order {seed}");
    }
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn webhooks_of_a_call_give_the_same_meeting_in_any_order(pool: PgPool) {
    let app = with_room(pool).await;

    assert_same_result_in_any_order(&app, &CapturedWebhook::of_a_call()).await;
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn webhooks_of_a_call_with_a_livekit_crash_give_the_same_meeting_in_any_order(pool: PgPool) {
    let app = with_room(pool).await;
    app.create_room(ROOM_OF_CRASH).await;

    assert_same_result_in_any_order(&app, &CapturedWebhook::of_a_crash()).await;
}
