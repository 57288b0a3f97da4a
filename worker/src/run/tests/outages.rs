//! What jobs need goes away while they run.

use std::net::ToSocketAddrs;

use domain::recording::Transcription;
use sqlx::PgPool;
use test_support::{Fault, FaultyProxy};

use super::*;
use crate::engine::fake::FakeEngine;

/// How long the database is away: longer than one attempt to store something takes, shorter than a lease.
const AWAY: Duration = Duration::from_secs(4);

/// More kills than a job has attempts.
const KILLS: usize = 7;

const EXPIRE_LEASES: &str = "UPDATE jobs SET lease_until = now() WHERE state = 'running'";

/// A recording of several sentences is accepted; each is a chunk, for which the engine needs a permit.
async fn blocked_transcription(pool: PgPool, sentences: usize) -> WorkerTest {
    let test = WorkerTest::with_engine(pool, FakeEngine::blocked()).await;
    test.meeting_with_recordings(&["ada"]).await;
    let sentence = [spoken("good morning everyone"), vec![0; 48_000]].concat();
    test.complete_recording("ada", &recorded(&sentence.repeat(sentences)), |_| {})
        .await;
    test.run_jobs_until_accepted().await;
    test
}

/// The same context, connected to the database through a proxy.
async fn through_proxy(test: &WorkerTest) -> (FaultyProxy, WorkerContext) {
    let options = (*test.ctx.pool.connect_options()).clone();
    let server = (options.get_host(), options.get_port());
    let server = server.to_socket_addrs().unwrap().next().unwrap();
    let proxy = FaultyProxy::before(server).await;
    let options = options.host("127.0.0.1").port(proxy.address().port());
    let pool = PgPoolOptions::new()
        .acquire_timeout(Duration::from_secs(1))
        .connect_lazy_with(options);
    let ctx = WorkerContext {
        pool,
        ..test.ctx.clone()
    };
    (proxy, ctx)
}

/// The attempt of the transcription, and the outages so far.
async fn counts(test: &WorkerTest) -> (i32, i32) {
    let counts = sqlx::query_as("SELECT attempt, outages FROM jobs WHERE queue = 'transcribe_track'");
    counts.fetch_one(&test.ctx.pool).await.unwrap()
}

async fn until_transcribed(test: &WorkerTest) {
    eventually("it is transcribed", || async {
        test.recording_of("ada").await.transcription == Transcription::Done
    })
    .await;
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_database_that_is_away_while_a_job_runs_costs_time_and_no_attempt(pool: PgPool) {
    let redis = RedisServer::start().await;
    let test = blocked_transcription(pool, 2).await;
    let (proxy, ctx) = through_proxy(&test).await;
    let worker = Worker::start(&ctx, &redis).await;
    until_jobs(&test, 1, "running").await;

    proxy.set(Fault::Refuse);
    test.engine.allow(10);
    tokio::time::sleep(AWAY).await; // the outage itself
    let while_away = count_chunks(&test).await;
    proxy.set(Fault::None);
    eventually("the outage is noted", || async { counts(&test).await.1 > 0 }).await;
    let (attempt, _) = counts(&test).await;
    until_transcribed(&test).await;
    worker.stop().await;

    assert_eq!((while_away, attempt), (0, 0));
    assert_eq!((count_chunks(&test).await, test.count_jobs("dead").await), (2, 0));
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn flushing_redis_while_a_job_runs_loses_nothing_and_repeats_no_text(pool: PgPool) {
    let redis = RedisServer::start().await;
    let test = blocked_transcription(pool, 2).await;
    let worker = Worker::start(&test.ctx, &redis).await;
    until_jobs(&test, 1, "running").await;
    test.engine.allow(1);
    eventually("a chunk is stored", || async { count_chunks(&test).await == 1 }).await;

    redis.flush().await;
    queue(&test, &[quick_job()]).await;
    until_jobs(&test, 0, "ready").await;
    test.engine.allow(10);
    until_transcribed(&test).await;
    worker.stop().await;

    assert_eq!((count_chunks(&test).await, test.engine.calls()), (2, 2));
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_worker_that_is_killed_again_and_again_gets_a_chunk_further_each_time(pool: PgPool) {
    let redis = RedisServer::start().await;
    let test = blocked_transcription(pool, KILLS + 1).await;
    let mut attempts = Vec::new();

    for chunks in 1..=KILLS as i64 {
        let killed = KillableWorker::start(&test, &redis);
        until_jobs(&test, 1, "running").await;
        test.engine.allow(1);
        eventually("a chunk is stored", || async { count_chunks(&test).await == chunks }).await;
        attempts.push(counts(&test).await.0);
        killed.kill();
        test.execute(EXPIRE_LEASES).await;
        test.execute("UPDATE jobs SET woken_at = NULL").await;
    }
    test.engine.allow(10);
    let worker = Worker::start(&test.ctx, &redis).await;
    until_transcribed(&test).await;
    worker.stop().await;

    assert_eq!(attempts, [1; KILLS]);
    assert_eq!(
        (count_chunks(&test).await, test.engine.calls()),
        (KILLS as i64 + 1, KILLS + 1)
    );
}
