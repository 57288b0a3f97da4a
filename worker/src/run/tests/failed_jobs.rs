use domain::recording::Transcription;
use sqlx::PgPool;

use super::*;
use crate::engine::EngineError;

const INSERT_UNREADABLE: &str = "INSERT INTO jobs (id, queue, payload, max_attempts)
    VALUES (gen_random_uuid(), 'export_transcript', '{\"job\": \"of a newer version\"}', 5)";

const INSERT_OF_UNKNOWN_QUEUE: &str = "INSERT INTO jobs (id, queue, payload, max_attempts)
    VALUES (gen_random_uuid(), 'send_webhook', '{\"job\": \"send_webhook\"}', 5)";

/// The newer worker was killed during its last attempt.
const INSERT_OVERDUE_UNREADABLE: &str =
    "INSERT INTO jobs (id, queue, payload, max_attempts, attempt, state, lease_until)
     VALUES (gen_random_uuid(), 'merge_transcript', '{\"job\": \"merge\"}', 5, 5, 'running', now() - interval '1 minute')";

const MAKE_READABLE: &str = "UPDATE jobs
    SET payload = '{\"job\": \"export_transcript\", \"meeting_id\": \"00000000-0000-0000-0000-000000000000\"}',
        run_at = now()
    WHERE queue = 'export_transcript' AND state = 'ready'";

async fn transcription_error(test: &WorkerTest) -> Option<String> {
    sqlx::query_scalar("SELECT error FROM jobs WHERE queue = 'transcribe_track'")
        .fetch_optional(&test.ctx.pool)
        .await
        .unwrap()
        .flatten()
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_job_that_panics_every_time_becomes_dead_and_other_jobs_still_run(pool: PgPool) {
    let (test, redis) = (WorkerTest::new(pool).await, RedisServer::start().await);
    record_sentence(&test).await;
    test.engine.panic();

    let worker = Worker::start(&test.ctx, &redis).await;
    eventually("it is dead", || async {
        test.execute("UPDATE jobs SET run_at = now() WHERE state = 'ready' AND attempt > 0")
            .await;
        test.count_jobs("dead").await == 1
    })
    .await;
    queue(&test, &[quick_job()]).await;
    until_jobs(&test, 0, "ready").await;
    worker.stop().await;

    let dead = storage::jobs::list_dead(&mut test.ctx.conn().await.unwrap(), 10).await;
    let dead = dead.unwrap();
    assert_eq!((dead[0].queue.as_str(), dead[0].attempt), ("transcribe_track", 6));
    assert_eq!(test.recording_of("ada").await.transcription, Transcription::Dead);
}

/// Workers of two versions share the database while they are replaced.
#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_job_of_a_newer_version_is_kept_until_a_worker_can_read_it(pool: PgPool) {
    let (test, redis) = (WorkerTest::new(pool).await, RedisServer::start().await);
    test.execute(INSERT_UNREADABLE).await;
    test.execute(INSERT_OF_UNKNOWN_QUEUE).await;
    test.execute(INSERT_OVERDUE_UNREADABLE).await;

    let worker = Worker::start(&test.ctx, &redis).await;
    for tries in 1..=9 {
        eventually("it was claimed and left", || async { outages(&test).await == tries }).await;
        test.execute("UPDATE jobs SET run_at = now() WHERE state = 'ready'")
            .await;
    }
    queue(&test, &[quick_job()]).await;
    until_jobs(&test, 1, "done").await;
    let unread = storage::jobs::list_unread(&mut test.ctx.conn().await.unwrap(), 10).await;
    let dead = test.count_jobs("dead").await;
    // The next version writes what this one can read.
    test.execute(MAKE_READABLE).await;
    until_jobs(&test, 2, "done").await;
    worker.stop().await;

    let unread: Vec<String> = unread.unwrap().into_iter().map(|job| job.queue).collect();
    assert_eq!(dead, 0);
    assert!(unread.contains(&"export_transcript".to_owned()) && unread.contains(&"send_webhook".to_owned()));
    let kept: i32 = sqlx::query_scalar("SELECT attempt FROM jobs WHERE queue = 'send_webhook'")
        .fetch_one(&test.ctx.pool)
        .await
        .unwrap();
    assert_eq!(kept, 0);
}

async fn outages(test: &WorkerTest) -> i32 {
    let outages = sqlx::query_scalar("SELECT outages FROM jobs WHERE queue = 'export_transcript' AND attempt = 0");
    let outages: Option<i32> = outages.fetch_optional(&test.ctx.pool).await.unwrap();
    outages.unwrap_or_default()
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
