//! A stored event is answered 200 and judged until that succeeds, whatever goes wrong.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use axum::http::StatusCode;
use sqlx::ConnectOptions;
use storage::PgPool;

use super::{ROOM, event, rows, with_room};
use crate::support::TestApp;

/// LiveKit gives a webhook this long.
const BUDGET: Duration = Duration::from_secs(3);

/// Ids that a delivery takes before its event is judged: of the request, and of the event's row.
const IDS_BEFORE_JUDGING: usize = 2;

/// An app whose pool has the server's limits, and this many connections.
fn limited(pool: &PgPool, connections: u32) -> TestApp {
    let url = pool.connect_options().to_url_lossy().to_string();
    TestApp::build(
        storage::pool::connect_lazy(&url, "server", connections).unwrap(),
        |_| {},
    )
}

async fn outcomes(app: &TestApp) -> Vec<String> {
    rows(app, "outcome || ' ' || COALESCE(error, '-')", "events").await
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn an_event_of_a_locked_room_is_stored_in_time_and_judged_when_it_is_repeated(pool: PgPool) {
    with_room(pool.clone()).await;
    let app = limited(&pool, 4);
    let joined = event("participant_joined", "EV_1", ROOM);
    let mut holder = pool.begin().await.unwrap();
    sqlx::query("SELECT 1 FROM rooms FOR UPDATE")
        .execute(&mut *holder)
        .await
        .unwrap();

    let started = Instant::now();
    let first = app.webhook(&joined).await;
    let took = started.elapsed();
    let while_locked = outcomes(&app).await;
    holder.rollback().await.unwrap();
    let second = app.webhook(&joined).await;

    assert_eq!((first.status, second.status), (StatusCode::OK, StatusCode::OK));
    assert!(took < BUDGET, "{took:?}");
    assert!(
        while_locked[0].starts_with("failed ") && while_locked[0].contains("lock"),
        "{while_locked:?}"
    );
    assert_eq!(outcomes(&app).await, ["applied -"]);
    assert_eq!(rows(&app, "identity", "participants").await, ["ada"]);
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn an_event_that_makes_the_domain_panic_is_kept_and_judged_when_it_is_repeated(pool: PgPool) {
    with_room(pool.clone()).await;
    let left = Arc::new(AtomicUsize::new(IDS_BEFORE_JUDGING));
    let counted = left.clone();
    let app = TestApp::build(pool, |state| {
        let ids = state.ids.clone();
        state.ids = Arc::new(move || {
            let is_left = counted.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok();
            assert!(is_left, "told to panic");
            ids()
        });
    });
    let joined = event("participant_joined", "EV_1", ROOM);

    let first = app.webhook(&joined).await;
    let after_the_panic = outcomes(&app).await;
    left.store(usize::MAX, SeqCst);
    let second = app.webhook(&joined).await;

    assert_eq!((first.status, second.status), (StatusCode::OK, StatusCode::OK));
    assert!(
        after_the_panic[0].starts_with("failed judging the event panicked"),
        "{after_the_panic:?}"
    );
    assert_eq!(outcomes(&app).await, ["applied -"]);
    assert_eq!(rows(&app, "identity", "participants").await, ["ada"]);
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn an_inbox_that_cannot_be_written_in_time_is_answered_503(pool: PgPool) {
    with_room(pool.clone()).await;
    let app = limited(&pool, 4);
    let mut holder = pool.begin().await.unwrap();
    sqlx::query("LOCK TABLE events").execute(&mut *holder).await.unwrap();

    let started = Instant::now();
    let answer = app.webhook(&event("participant_joined", "EV_1", ROOM)).await;
    let took = started.elapsed();
    holder.rollback().await.unwrap();

    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{}", answer.text());
    assert!(answer.header("retry-after").is_some() && took < BUDGET, "{took:?}");
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_webhook_that_finds_all_connections_in_use_is_refused_in_time_and_not_lost(pool: PgPool) {
    with_room(pool.clone()).await;
    let app = limited(&pool, 1);
    let joined = event("participant_joined", "EV_1", ROOM);
    let in_use = app.pool.acquire().await.unwrap();

    let started = Instant::now();
    let refused = app.webhook(&joined).await;
    let took = started.elapsed();
    drop(in_use);
    let repeated = app.webhook(&joined).await;

    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE, "{}", refused.text());
    assert!(refused.header("retry-after").is_some() && took < BUDGET, "{took:?}");
    assert_eq!(repeated.status, StatusCode::OK);
    assert_eq!(outcomes(&app).await, ["applied -"]);
}
