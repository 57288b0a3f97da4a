use domain::recording::Transcription;
use sqlx::PgPool;

use super::*;
use crate::engine::fake::FakeEngine;

const EXPIRE_LEASES: &str = "UPDATE jobs SET lease_until = now() WHERE state = 'running'";

/// A transcription is due, and the engine waits for permits.
async fn blocked_transcription(pool: PgPool) -> WorkerTest {
    let test = WorkerTest::with_engine(pool, FakeEngine::blocked()).await;
    record_sentence(&test).await;
    test.run_jobs_until_accepted().await;
    test
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_job_of_a_killed_worker_is_done_by_another_without_duplicate_text(pool: PgPool) {
    let redis = RedisServer::start().await;
    let test = blocked_transcription(pool).await;
    let killed = KillableWorker::start(&test, &redis);
    until_jobs(&test, 1, "running").await;

    killed.kill();
    let worker = Worker::start(&test.ctx, &redis).await;
    let still_leased = test.count_jobs("running").await;
    test.execute(EXPIRE_LEASES).await;
    test.engine.allow(10);

    until_jobs(&test, 0, "ready").await;
    until_jobs(&test, 0, "running").await;
    worker.stop().await;
    let recording = test.recording_of("ada").await;
    assert_eq!(
        (still_leased, count_chunks(&test).await, recording.transcription),
        (1, 1, Transcription::Done)
    );
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_worker_that_lost_its_lease_writes_nothing(pool: PgPool) {
    let test = blocked_transcription(pool).await;
    let mut conn = test.ctx.conn().await.unwrap();
    let job = storage::jobs::take_due(&mut conn, "transcribe_track", 1).await.unwrap()[0];
    let (ctx, stop) = (test.ctx.clone(), CancellationToken::new());
    let late = tokio::spawn(async move { attempt::run(job, &ctx, &stop).await });
    until_jobs(&test, 1, "running").await;

    test.execute(EXPIRE_LEASES).await;
    let claim = storage::jobs::claim(&mut conn, job, attempt::LEASE).await;
    let second = claim.unwrap().unwrap();
    test.engine.allow(10);
    late.await.unwrap();

    assert!(storage::jobs::fence(&mut conn, second.lease).await.unwrap());
    let recording = test.recording_of("ada").await;
    assert_eq!(
        (count_chunks(&test).await, recording.transcription),
        (0, Transcription::Pending)
    );
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_stopped_worker_releases_its_job_without_counting_the_attempt(pool: PgPool) {
    let redis = RedisServer::start().await;
    let test = blocked_transcription(pool).await;
    let worker = Worker::start(&test.ctx, &redis).await;
    until_jobs(&test, 1, "running").await;

    worker.stop().await;

    let attempts: Vec<i32> = sqlx::query_scalar("SELECT attempt FROM jobs WHERE state = 'ready'")
        .fetch_all(&test.ctx.pool)
        .await
        .unwrap();
    assert_eq!(attempts, [0]);
}
