//! Workers on a real Redis and a real PostgreSQL: what goes wrong with queues, and what becomes of jobs then.

use std::time::Instant;

use domain::{MeetingId, job::Job, recording::Transcription};
use sqlx::{PgPool, postgres::PgPoolOptions};
use test_support::RedisServer;
use tokio::runtime::Runtime;

use super::*;
use crate::{
    engine::{EngineError, fake::FakeEngine},
    support::{WorkerTest, eventually, recorded, spoken},
};

/// A worker in this test's runtime, which can be stopped.
struct Worker {
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Worker {
    async fn start(ctx: &WorkerContext, redis: &RedisServer) -> Self {
        let worker = Self {
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        };
        let wake_queue = WakeQueue::connect(&redis.url()).await.unwrap();
        spawn_tasks(ctx, &wake_queue, 1, &worker.tasks, &worker.stop);
        worker
    }

    async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// A worker in a runtime of its own, which can be killed: its tasks end where they are, as the process would.
struct MortalWorker(Runtime);

impl MortalWorker {
    fn start(test: &WorkerTest, redis: &RedisServer) -> Self {
        let runtime = Runtime::new().unwrap();
        let (ctx, url, options) = (
            test.ctx.clone(),
            redis.url(),
            (*test.ctx.pool.connect_options()).clone(),
        );
        runtime.spawn(async move {
            // Connections belong to the runtime that opened them.
            let ctx = WorkerContext {
                pool: PgPoolOptions::new().connect_lazy_with(options),
                ..ctx
            };
            let wake_queue = WakeQueue::connect(&url).await.unwrap();
            spawn_tasks(&ctx, &wake_queue, 1, &TaskTracker::new(), &CancellationToken::new());
            std::future::pending::<()>().await;
        });
        Self(runtime)
    }

    fn kill(self) {
        self.0.shutdown_background();
    }
}

/// A job that ends as soon as it is begun.
fn quick_job() -> Job {
    Job::ExportTranscript {
        meeting_id: MeetingId(Uuid::now_v7()),
    }
}

async fn queue(test: &WorkerTest, jobs: &[Job]) {
    storage::jobs::add(&mut test.ctx.pool.acquire().await.unwrap(), jobs)
        .await
        .unwrap();
}

async fn until_jobs(test: &WorkerTest, count: i64, state: &str) {
    eventually(&format!("{count} jobs are {state}"), || async {
        test.count_jobs(state).await == count
    })
    .await;
}

/// Ada has said one sentence, and its transcription is due.
async fn something_to_transcribe(test: &WorkerTest) {
    test.meeting_with_recordings(&["ada"]).await;
    test.complete_recording("ada", &recorded(&spoken("good morning everyone")), |_| {})
        .await;
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_fresh_job_starts_at_once(pool: PgPool) {
    let (test, redis) = (WorkerTest::new(pool).await, RedisServer::start().await);
    let worker = Worker::start(&test.ctx, &redis).await;
    queue(&test, &[quick_job()]).await;
    until_jobs(&test, 1, "done").await;

    let mut took = Vec::new();
    for done in 2..=21 {
        let started = Instant::now();
        queue(&test, &[quick_job()]).await;
        until_jobs(&test, done, "done").await;
        took.push(started.elapsed());
    }
    took.sort();
    worker.stop().await;

    println!("queued to done: median {:?}, longest {:?}", took[10], took[19]);
    assert!(
        took[10] < Duration::from_millis(400),
        "slower than the relay's own look: {took:?}"
    );
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_redis_that_forgets_everything_is_only_a_delay(pool: PgPool) {
    let (test, redis) = (WorkerTest::new(pool).await, RedisServer::start().await);
    let wake_queue = WakeQueue::connect(&redis.url()).await.unwrap();
    queue(&test, &std::array::from_fn::<Job, 50, _>(|_| quick_job())).await;
    relay::wake_due(&test.ctx.pool, &wake_queue).await.unwrap();

    redis.flush().await;
    let worker = Worker::start(&test.ctx, &redis).await;
    // Half a minute later the relay takes the wake-ups for lost.
    sqlx::query("UPDATE jobs SET woken_at = now() - interval '31 s'")
        .execute(&test.ctx.pool)
        .await
        .unwrap();

    until_jobs(&test, 50, "done").await;
    worker.stop().await;
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_redis_that_is_restarted_is_only_a_delay(pool: PgPool) {
    let (test, mut redis) = (WorkerTest::new(pool).await, RedisServer::start().await);
    let worker = Worker::start(&test.ctx, &redis).await;
    queue(&test, &[quick_job()]).await;
    until_jobs(&test, 1, "done").await;

    redis.kill();
    redis.start_again().await;
    queue(&test, &[quick_job(), quick_job()]).await;

    until_jobs(&test, 3, "done").await;
    worker.stop().await;
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_job_whose_worker_was_killed_is_done_by_another_without_double_text(pool: PgPool) {
    let redis = RedisServer::start().await;
    let test = WorkerTest::with_engine(pool, FakeEngine::blocked()).await;
    something_to_transcribe(&test).await;
    test.run_jobs_until_accepted().await;
    let mortal = MortalWorker::start(&test, &redis);
    until_jobs(&test, 1, "running").await;

    mortal.kill();
    let worker = Worker::start(&test.ctx, &redis).await;
    let still_leased = test.count_jobs("running").await;
    sqlx::query("UPDATE jobs SET lease_until = now() WHERE state = 'running'")
        .execute(&test.ctx.pool)
        .await
        .unwrap();
    test.engine.allow(10);

    until_jobs(&test, 0, "ready").await;
    until_jobs(&test, 0, "running").await;
    worker.stop().await;
    let recording = test.recording_of("ada").await;
    let chunks: i64 = sqlx::query_scalar("SELECT count(*) FROM chunks")
        .fetch_one(&test.ctx.pool)
        .await
        .unwrap();
    assert_eq!(
        (still_leased, chunks, recording.transcription),
        (1, 1, Transcription::Done)
    );
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn who_has_lost_the_lease_writes_nothing(pool: PgPool) {
    let test = WorkerTest::with_engine(pool, FakeEngine::blocked()).await;
    something_to_transcribe(&test).await;
    test.run_jobs_until_accepted().await;
    let mut conn = test.ctx.pool.acquire().await.unwrap();
    let job = storage::jobs::take_due(&mut conn, "transcribe_track", 1).await.unwrap()[0];
    let (ctx, stop) = (test.ctx.clone(), CancellationToken::new());
    let late = tokio::spawn(async move { attempt::run(job, &ctx, &stop).await });
    until_jobs(&test, 1, "running").await;

    sqlx::query("UPDATE jobs SET lease_until = now() WHERE state = 'running'")
        .execute(&mut *conn)
        .await
        .unwrap();
    let thief = storage::jobs::claim(&mut conn, job, attempt::LEASE)
        .await
        .unwrap()
        .unwrap();
    test.engine.allow(10);
    late.await.unwrap();

    assert!(storage::jobs::fence(&mut conn, thief.lease).await.unwrap());
    let chunks: i64 = sqlx::query_scalar("SELECT count(*) FROM chunks")
        .fetch_one(&mut *conn)
        .await
        .unwrap();
    assert_eq!(
        (chunks, test.recording_of("ada").await.transcription),
        (0, Transcription::Pending)
    );
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_poisoned_job_ends_dead_and_the_others_go_on(pool: PgPool) {
    let (test, redis) = (WorkerTest::new(pool).await, RedisServer::start().await);
    something_to_transcribe(&test).await;
    test.engine.panic();
    let unreadable =
        "INSERT INTO jobs (id, queue, payload, max_attempts) VALUES (gen_random_uuid(), $1, '{\"x\": 1}', 5)";
    sqlx::query(unreadable)
        .bind("export_transcript")
        .execute(&test.ctx.pool)
        .await
        .unwrap();

    let worker = Worker::start(&test.ctx, &redis).await;
    eventually("both are dead", || async {
        sqlx::query("UPDATE jobs SET run_at = now() WHERE state = 'ready' AND attempt > 0")
            .execute(&test.ctx.pool)
            .await
            .unwrap();
        test.count_jobs("dead").await == 2
    })
    .await;
    queue(&test, &[quick_job()]).await;
    until_jobs(&test, 0, "ready").await;
    worker.stop().await;

    let mut dead = storage::jobs::list_dead(&mut test.ctx.conn().await.unwrap(), 10)
        .await
        .unwrap();
    dead.sort_by_key(|job| job.attempt);
    assert!(
        dead[0].error.as_deref().unwrap().contains("cannot read the job"),
        "{dead:?}"
    );
    assert_eq!((dead[1].queue.as_str(), dead[1].attempt), ("transcribe_track", 6));
    assert_eq!(test.recording_of("ada").await.transcription, Transcription::Dead);
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_pause_before_the_next_try_outlives_worker_and_redis(pool: PgPool) {
    let (test, redis) = (WorkerTest::new(pool).await, RedisServer::start().await);
    something_to_transcribe(&test).await;
    let after = Some(Duration::from_secs(3600));
    test.engine.fail_after(
        0,
        EngineError::Busy {
            what: "busy".to_owned(),
            after,
            why: None,
        },
    );
    let worker = Worker::start(&test.ctx, &redis).await;
    eventually("it has failed once", || async {
        error_of_transcription(&test).await.is_some()
    })
    .await;
    worker.stop().await;
    redis.flush().await;

    let worker = Worker::start(&test.ctx, &redis).await;
    queue(&test, &[quick_job()]).await;
    until_jobs(&test, 3, "done").await;
    let (waiting, error) = (
        test.count_jobs("ready").await,
        error_of_transcription(&test).await.unwrap(),
    );
    sqlx::query("UPDATE jobs SET run_at = now() WHERE state = 'ready'")
        .execute(&test.ctx.pool)
        .await
        .unwrap();
    until_jobs(&test, 0, "ready").await;
    until_jobs(&test, 4, "done").await;
    worker.stop().await;

    assert_eq!((waiting, error.as_str()), (1, "busy; it will be retried later"));
    assert_eq!(test.recording_of("ada").await.transcription, Transcription::Done);
}

#[sqlx::test(migrator = "storage::pool::MIGRATOR")]
async fn a_worker_that_stops_gives_its_job_back_uncounted(pool: PgPool) {
    let redis = RedisServer::start().await;
    let test = WorkerTest::with_engine(pool, FakeEngine::blocked()).await;
    something_to_transcribe(&test).await;
    test.run_jobs_until_accepted().await;
    let worker = Worker::start(&test.ctx, &redis).await;
    until_jobs(&test, 1, "running").await;

    worker.stop().await;

    let attempts: Vec<i32> = sqlx::query_scalar("SELECT attempt FROM jobs WHERE state = 'ready'")
        .fetch_all(&test.ctx.pool)
        .await
        .unwrap();
    assert_eq!(attempts, [0]);
}

async fn error_of_transcription(test: &WorkerTest) -> Option<String> {
    sqlx::query_scalar("SELECT error FROM jobs WHERE queue = 'transcribe_track'")
        .fetch_optional(&test.ctx.pool)
        .await
        .unwrap()
        .flatten()
}
