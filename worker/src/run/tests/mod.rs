//! Workers on a real Redis and a real PostgreSQL: what happens to jobs when something fails.

mod failed_jobs;
mod leases;
mod lost_recorder;
mod outages;
mod redis_outages;

use domain::{MeetingId, job::Job};
use sqlx::postgres::PgPoolOptions;
use test_support::RedisServer;
use tokio::runtime::Runtime;

use super::*;
use crate::support::{WorkerTest, eventually, recorded, spoken};

/// A worker in the test's runtime, which can be stopped.
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
        spawn_control(ctx, &worker.tasks, &worker.stop);
        spawn_queues(ctx, &wake_queue, Pool::All, 1, &worker.tasks, &worker.stop);
        worker
    }

    async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// A worker in a separate runtime, which can be killed: its tasks end wherever they are, as with the process.
struct KillableWorker(Runtime);

impl KillableWorker {
    fn start(test: &WorkerTest, redis: &RedisServer) -> Self {
        let runtime = Runtime::new().unwrap();
        let (ctx, url) = (test.ctx.clone(), redis.url());
        let options = (*test.ctx.pool.connect_options()).clone();
        runtime.spawn(async move {
            // Connections belong to the runtime that opened them.
            let ctx = WorkerContext {
                pool: PgPoolOptions::new().connect_lazy_with(options),
                ..ctx
            };
            let wake_queue = WakeQueue::connect(&url).await.unwrap();
            let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
            spawn_control(&ctx, &tasks, &stop);
            spawn_queues(&ctx, &wake_queue, Pool::All, 1, &tasks, &stop);
            std::future::pending::<()>().await;
        });
        Self(runtime)
    }

    fn kill(self) {
        self.0.shutdown_background();
    }
}

/// A job that does nothing, because its meeting does not exist.
fn quick_job() -> Job {
    Job::ExportTranscript {
        meeting_id: MeetingId(Uuid::now_v7()),
    }
}

async fn queue(test: &WorkerTest, jobs: &[Job]) {
    storage::jobs::add(&mut test.ctx.conn().await.unwrap(), jobs)
        .await
        .unwrap();
}

async fn until_jobs(test: &WorkerTest, count: i64, state: &str) {
    eventually(&format!("{count} jobs are {state}"), || async {
        test.count_jobs(state).await == count
    })
    .await;
}

/// Stores a recording of one sentence, so that its acceptance is due.
async fn record_sentence(test: &WorkerTest) {
    test.meeting_with_recordings(&["ada"]).await;
    test.complete_recording("ada", &recorded(&spoken("good morning everyone")), |_| {})
        .await;
}

async fn count_chunks(test: &WorkerTest) -> i64 {
    let count = sqlx::query_scalar("SELECT count(*) FROM chunks");
    count.fetch_one(&test.ctx.pool).await.unwrap()
}
