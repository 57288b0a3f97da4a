use sqlx::PgPool;
use test_support::platforms::Scripted;

use super::*;
use crate::support::DailyTest;

/// How many webhooks were created or set up again.
fn posts(test: &DailyTest) -> usize {
    test.daily.controls().requests("POST /v1/webhooks")
}

fn active() -> Vec<(String, u64)> {
    vec![("ACTIVE".to_owned(), 0)]
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_missing_webhook_is_created_once(pool: PgPool) {
    let test = DailyTest::new(pool).await;

    test.check().await.unwrap();
    test.check().await.unwrap();
    test.daily.delete_webhooks();
    test.check().await.unwrap();

    assert_eq!((test.daily.webhooks(), posts(&test)), (active(), 2));
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_webhook_that_is_switched_off_in_mid_meeting_is_repaired_and_nothing_is_lost(pool: PgPool) {
    let test = DailyTest::new(pool).await;
    test.check().await.unwrap();
    test.answer(500).await;

    let ada = test.join("ada").await;
    let bob = test.join("bob").await;
    assert_eq!(test.daily.webhooks(), [("FAILED".to_owned(), 3)]);
    assert!(test.check().await.is_err(), "our address does not answer yet");
    test.answer(200).await;
    test.check().await.unwrap();

    let meeting = test.meeting().await.unwrap();
    assert_eq!(test.daily.webhooks(), active());
    assert!(meeting.head.is_open());
    let mut names: Vec<_> = meeting.participants.iter().map(|p| p.display_name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["ADA", "BOB"]);

    test.answer(500).await;
    test.daily.leave(&ada).await;
    test.daily.leave(&bob).await;
    test.answer(200).await;
    test.check().await.unwrap();

    let meeting = test.meeting().await.unwrap();
    assert_eq!(test.daily.webhooks(), active());
    assert!(!meeting.head.is_open());
    assert!(
        meeting
            .connections
            .iter()
            .all(|connection| connection.left_at.is_some())
    );
    assert_eq!(meeting.participants.len(), 2);
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn what_was_read_before_a_crash_is_read_again_and_counted_once(pool: PgPool) {
    let test = DailyTest::new(pool).await;
    test.join("ada").await;
    let platform = &test.adapter;

    let since = Utc::now() - TimeDelta::hours(1);
    catch_up(&test.worker.ctx, platform, since).await.unwrap();
    catch_up(&test.worker.ctx, platform, since).await.unwrap();

    let meeting = test.meeting().await.unwrap();
    assert_eq!((meeting.participants.len(), meeting.connections.len()), (1, 1));
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_daily_that_does_not_answer_is_asked_again_and_nothing_is_changed(pool: PgPool) {
    let test = DailyTest::new(pool).await;
    let controls = test.daily.controls();

    controls.answer("GET /v1/webhooks", Scripted::Garbage("<html>"));
    assert!(test.check().await.is_err());
    controls.answer("GET /v1/meetings", Scripted::TooMany { retry_after: 60 });
    assert!(test.check().await.is_err());

    assert_eq!((posts(&test), test.daily.webhooks()), (0, Vec::new()));
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_second_worker_leaves_the_check_to_the_first(pool: PgPool) {
    let test = DailyTest::new(pool).await;
    let mut lock = test.worker.ctx.begin().await.unwrap();
    assert!(locks::try_lock(&mut lock, LOCK).await.unwrap());

    test.check().await.unwrap();

    assert_eq!(test.daily.controls().requests(""), 0);
}
