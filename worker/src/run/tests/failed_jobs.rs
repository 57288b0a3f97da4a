use domain::recording::Transcription;
use sqlx::PgPool;

use super::*;
use crate::engine::EngineError;

const INSERT_UNREADABLE: &str = "INSERT INTO jobs (id, queue, payload, max_attempts)
    VALUES (gen_random_uuid(), 'export_transcript', '{\"x\": 1}', 5)";

async fn transcription_error(test: &WorkerTest) -> Option<String> {
    sqlx::query_scalar("SELECT error FROM jobs WHERE queue = 'transcribe_track'")
        .fetch_optional(&test.ctx.pool)
        .await
        .unwrap()
        .flatten()
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn poisoned_jobs_become_dead_and_other_jobs_still_run(pool: PgPool) {
    let (test, redis) = (WorkerTest::new(pool).await, RedisServer::start().await);
    record_sentence(&test).await;
    test.engine.panic();
    test.execute(INSERT_UNREADABLE).await;

    let worker = Worker::start(&test.ctx, &redis).await;
    eventually("both are dead", || async {
        test.execute("UPDATE jobs SET run_at = now() WHERE state = 'ready' AND attempt > 0")
            .await;
        test.count_jobs("dead").await == 2
    })
    .await;
    queue(&test, &[quick_job()]).await;
    until_jobs(&test, 0, "ready").await;
    worker.stop().await;

    let dead = storage::jobs::list_dead(&mut test.ctx.conn().await.unwrap(), 10).await;
    let mut dead = dead.unwrap();
    dead.sort_by_key(|job| job.attempt);
    let unreadable = dead[0].error.as_deref().unwrap();
    assert!(unreadable.contains("cannot read the job"), "{dead:?}");
    assert_eq!((dead[1].queue.as_str(), dead[1].attempt), ("transcribe_track", 6));
    assert_eq!(test.recording_of("ada").await.transcription, Transcription::Dead);
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn the_pause_before_a_retry_outlives_worker_and_redis(pool: PgPool) {
    let (test, redis) = (WorkerTest::new(pool).await, RedisServer::start().await);
    record_sentence(&test).await;
    test.engine.fail_after(0, busy_for_an_hour());
    let worker = Worker::start(&test.ctx, &redis).await;
    eventually("it has failed once", || async {
        transcription_error(&test).await.is_some()
    })
    .await;
    worker.stop().await;
    redis.flush().await;

    let worker = Worker::start(&test.ctx, &redis).await;
    queue(&test, &[quick_job()]).await;
    until_jobs(&test, 3, "done").await;
    let waiting = test.count_jobs("ready").await;
    let error = transcription_error(&test).await.unwrap();
    test.execute("UPDATE jobs SET run_at = now() WHERE state = 'ready'")
        .await;
    until_jobs(&test, 0, "ready").await;
    until_jobs(&test, 4, "done").await;
    worker.stop().await;

    assert_eq!((waiting, error.as_str()), (1, "busy; it will be retried later"));
    assert_eq!(test.recording_of("ada").await.transcription, Transcription::Done);
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn an_engine_that_is_down_costs_time_and_no_attempts(pool: PgPool) {
    let test = WorkerTest::new(pool).await;
    record_sentence(&test).await;
    let rounds = domain::job::Queue::TranscribeTrack.max_attempts() + 4;

    for _ in 0..rounds {
        test.engine.fail_after(0, down());
        test.make_jobs_due().await;
        test.run_jobs().await;
    }
    let waiting = test.count_jobs("ready").await;
    test.make_jobs_due().await;
    test.run_jobs().await;

    assert_eq!(
        (waiting, test.recording_of("ada").await.transcription),
        (1, Transcription::Done)
    );
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn an_outage_longer_than_the_deadline_kills_the_job(pool: PgPool) {
    let test = WorkerTest::new(pool).await;
    record_sentence(&test).await;
    test.run_jobs_until_accepted().await;
    test.execute("UPDATE jobs SET created_at = now() - interval '15 days'")
        .await;

    test.engine.fail_after(0, down());
    test.run_jobs().await;

    assert_eq!(test.count_jobs("dead").await, 1);
    assert_eq!(test.recording_of("ada").await.transcription, Transcription::Dead);
}

fn down() -> EngineError {
    EngineError::Unavailable {
        what: "the engine is down".to_owned(),
        after: None,
        why: None,
    }
}

fn busy_for_an_hour() -> EngineError {
    EngineError::Unavailable {
        what: "busy".to_owned(),
        after: Some(Duration::from_secs(3600)),
        why: None,
    }
}
