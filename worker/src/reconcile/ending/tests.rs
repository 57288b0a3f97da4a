use platform::fake::Availability;
use sqlx::PgPool;

use super::*;
use crate::{
    reconcile::run_once,
    support::{ROOM, WorkerTest},
};

/// Reconciles every 15 s for this many seconds.
async fn pass(test: &WorkerTest, seconds: i64) {
    for _ in 0..seconds / 15 {
        test.advance(15);
        test.reconcile().await;
    }
}

async fn is_open(test: &WorkerTest) -> bool {
    test.meeting().await.head.is_open()
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_room_with_only_recorders_is_ended_after_the_departure_time(pool: PgPool) {
    let test = WorkerTest::new(pool).await;
    test.people_join(&["ada"]);
    test.reconcile().await;

    test.people_join(&[]);
    test.recorder_joins(&["EG_1"]);
    pass(&test, 75).await;
    let while_waiting = (test.platform.deleted(), is_open(&test).await);
    pass(&test, 60).await;

    assert_eq!(while_waiting, (vec![], true));
    assert_eq!(test.platform.deleted(), ["RM_1".into()]);
    assert!(!is_open(&test).await);
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_room_whose_people_come_back_goes_on(pool: PgPool) {
    let test = WorkerTest::new(pool).await;
    test.people_join(&["ada"]);
    test.reconcile().await;

    for _ in 0..4 {
        test.people_join(&[]);
        pass(&test, 75).await;
        test.people_join(&["ada"]);
        pass(&test, 15).await;
    }

    assert!(test.platform.deleted().is_empty() && is_open(&test).await);
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_meeting_that_lasts_too_long_is_ended(pool: PgPool) {
    let test = WorkerTest::new(pool).await;
    test.people_join(&["ada"]);
    let started_at = test.now();
    test.reconcile().await;

    test.advance(24 * 3600 - 15);
    test.reconcile().await;
    let before = test.platform.deleted();
    pass(&test, 60).await;

    let head = test.meeting().await.head;
    assert!(before.is_empty());
    assert!(head.ended_at().unwrap() >= started_at + TimeDelta::hours(24));
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_room_that_is_only_listed_after_a_crash_is_ended_after_5_min(pool: PgPool) {
    let test = WorkerTest::new(pool).await;
    test.people_join(&["ada"]);
    test.reconcile().await;

    test.platform.stop_serving(ROOM);
    pass(&test, 300).await;
    let before = test.platform.deleted();
    pass(&test, 60).await;

    assert!(before.is_empty());
    assert_eq!(test.platform.deleted(), ["RM_1".into()]);
    assert!(!is_open(&test).await);
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_platform_that_does_not_answer_or_does_not_know_ends_nothing(pool: PgPool) {
    let test = WorkerTest::new(pool).await;
    test.people_join(&["ada"]);
    test.reconcile().await;
    test.people_join(&[]);

    for availability in [Availability::Down, Availability::Uncertain] {
        test.platform.set_availability(availability);
        for _ in 0..40 {
            test.advance(15);
            let _ = run_once(&test.ctx).await; // it fails while the platform is down
        }
        assert!(is_open(&test).await, "{availability:?}");
    }

    test.platform.set_availability(Availability::Up);
    assert!(test.platform.deleted().is_empty());
}
