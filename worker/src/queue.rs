//! The wake queue: the relay pushes wake-ups to Redis, apalis consumers receive them. The only file of this crate that
//! uses apalis and redis.
//!
//! A wake-up names a row of the `jobs` table and may be lost, repeated or delayed; the row in PostgreSQL is the job.
//! The code works around what apalis 1.0 does on Redis:
//!
//! - Prefetched tasks run twice, so batches hold one task.
//! - Heartbeat intervals are rounded down to whole seconds, so one below a second becomes zero.
//! - A consumer name is refused for minutes after its process ended, so every apalis consumer gets a new name.
//! - An apalis consumer ends at the first broken connection, so it is replaced until the process stops.
//! - A task that returns an error is retried by apalis's own rules, so handlers never return one.

use std::{
    collections::BTreeMap,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use apalis::prelude::*;
use apalis_redis::{Config, ConnectionManager, RedisStorage};
use domain::{JobId, job::Queue};
use futures::{FutureExt, future::BoxFuture};
use redis::aio::ConnectionManagerConfig;
use serde::{Deserialize, Serialize};
use tokio::{
    sync::{Notify, Semaphore, futures::OwnedNotified},
    time::{Interval, MissedTickBehavior},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// How often a queue is polled. A wake-up that this process pushed is received at once.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// How often an apalis consumer reports that it is alive. apalis rounds down to whole seconds.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(5);

/// Missed heartbeats after which an apalis consumer's wake-ups go to others. The lease in PostgreSQL decides which worker
/// may run the job.
const MISSED_HEARTBEATS: usize = 4;

/// Pause before an ended apalis consumer is replaced. Redis may be unavailable for a while.
const REBUILD_PAUSE: Duration = Duration::from_secs(1);

/// Most wake-ups that wait in a queue. From 8,000 on, every fetch fails.
const MAX_BACKLOG: usize = 1_000;

/// Finished wake-ups that one call deletes.
const PRUNE_BATCH: usize = 1_000;

/// Redis on a busy machine may take longer than the client's default of half a second, and an apalis consumer ends at
/// the first error.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Why a wake-up could not be pushed or Redis could not be queried.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    #[error("cannot connect to Redis; check that it runs and that REDIS_URL is correct")]
    Connect(#[source] redis::RedisError),
    #[error("cannot push a wake-up to Redis")]
    Push(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("a Redis command failed")]
    Command(#[from] redis::RedisError),
}

impl QueueError {
    /// Whether REDIS_URL itself is invalid, so that waiting does not help.
    pub fn is_setting(&self) -> bool {
        matches!(self, Self::Connect(error) if error.kind() == redis::ErrorKind::InvalidClientConfig)
    }
}

/// Handles one wake-up. It returns nothing: the outcome, and when to try again, are stored in the job's row.
pub type Handler = Arc<dyn Fn(JobId) -> BoxFuture<'static, ()> + Send + Sync>;

/// The message on the queue: the id of a job.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct WakeUp {
    job: JobId,
}

/// Pushes and receives wake-ups. Clones share one connection, which reconnects by itself.
#[derive(Clone)]
pub struct WakeQueue {
    redis: ConnectionManager,
    /// Notifies this process's consumers of a push, so that they need not wait for their next poll.
    pushed: Arc<BTreeMap<Queue, Arc<Notify>>>,
}

impl WakeQueue {
    /// Connects to Redis; fails if it does not answer.
    pub async fn connect(redis_url: &str) -> Result<Self, QueueError> {
        let timeouts = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(ANSWER_TIMEOUT));
        let client = redis::Client::open(redis_url).map_err(QueueError::Connect)?;
        let redis = client
            .get_connection_manager_with_config(timeouts)
            .await
            .map_err(QueueError::Connect)?;
        let pushed = Queue::ALL.into_iter().map(|queue| (queue, Arc::default())).collect();
        Ok(Self {
            redis,
            pushed: Arc::new(pushed),
        })
    }

    /// Returns how many more wake-ups a queue can take.
    pub async fn capacity(&self, queue: Queue) -> Result<usize, QueueError> {
        let name = name(queue);
        let mut pipe = redis::pipe();
        pipe.zcard(format!("{name}:scheduled")).llen(format!("{name}:active"));
        let waiting: Vec<usize> = pipe.query_async(&mut self.redis.clone()).await?;
        Ok(MAX_BACKLOG.saturating_sub(waiting.iter().sum()))
    }

    /// Pushes a wake-up for each job.
    pub async fn push(&self, queue: Queue, jobs: Vec<JobId>) -> Result<(), QueueError> {
        if jobs.is_empty() {
            return Ok(());
        }
        let wake_ups = jobs.into_iter().map(|job| WakeUp { job }).collect();
        backend(&self.redis, queue)
            .push_bulk(wake_ups)
            .await
            .map_err(|why| QueueError::Push(why.into()))?;
        if let Some(pushed) = self.pushed.get(&queue) {
            pushed.notify_waiters();
        }
        Ok(())
    }

    /// Deletes what apalis keeps of finished wake-ups. Its own vacuum would delete waiting ones, too.
    pub async fn prune(&self, queue: Queue) -> Result<(), QueueError> {
        let (mut redis, name) = (self.redis.clone(), name(queue));
        for set in ["done", "dead"] {
            let ids: Vec<String> = redis::cmd("SPOP")
                .arg(format!("{name}:{set}"))
                .arg(PRUNE_BATCH)
                .query_async(&mut redis)
                .await?;
            if ids.is_empty() {
                continue; // an empty pipeline is an error
            }
            let mut pipe = redis::pipe();
            for id in ids {
                pipe.hdel(format!("{name}:data"), &id)
                    .ignore()
                    .del(format!("{name}:meta:{id}"))
                    .ignore();
            }
            pipe.query_async::<()>(&mut redis).await?;
        }
        Ok(())
    }

    /// Handles the wake-ups of one queue, at most `slots` at once, until `stop`; then waits for running handlers.
    pub async fn serve(&self, queue: Queue, slots: usize, handler: Handler, stop: CancellationToken) {
        let consumer = QueueConsumer {
            wake_queue: self.clone(),
            queue,
            slots,
            handler,
            limit: Arc::new(Semaphore::new(slots)),
        };
        while !stop.is_cancelled() {
            match consumer.run_worker(stop.clone()).await {
                Ok(()) => {}
                Err(error) => {
                    tracing::warn!(queue = queue.as_str(), %error, "the apalis consumer of a queue ended; starting another")
                }
            }
            stop.run_until_cancelled(tokio::time::sleep(REBUILD_PAUSE)).await;
        }
        // Handlers that an earlier apalis consumer of this loop started may still run.
        let _all = consumer
            .limit
            .acquire_many(u32::try_from(slots).unwrap_or(u32::MAX))
            .await;
    }
}

/// Receives the wake-ups of one queue in this process.
struct QueueConsumer {
    wake_queue: WakeQueue,
    queue: Queue,
    slots: usize,
    handler: Handler,
    /// Shared by all apalis consumers of this queue: handlers of an ended one still run, and still count.
    limit: Arc<Semaphore>,
}

impl QueueConsumer {
    /// Runs an apalis consumer (a worker, in its API) until `stop` or its first error. Boxed here, because `parallelize`
    /// does not compile inside an async fn.
    fn run_worker(&self, stop: CancellationToken) -> BoxFuture<'static, Result<(), WorkerError>> {
        let trigger = PollTrigger::new(self.wake_queue.pushed.get(&self.queue).cloned().unwrap_or_default());
        let (handler, limit) = (self.handler.clone(), self.limit.clone());
        let handle = move |wake_up: WakeUp| {
            let (handler, limit) = (handler.clone(), limit.clone());
            async move {
                let _slot = limit.acquire_owned().await;
                handler(wake_up.job).await;
            }
        };
        WorkerBuilder::new(format!("{}-{}", self.queue.as_str(), Uuid::now_v7()))
            .backend(backend(&self.wake_queue.redis, self.queue).poll_with_strategy(trigger))
            .concurrency(self.slots)
            // Spawned, so that a handler that blocks its thread cannot stop the heartbeat, and a panic is an error.
            .parallelize(tokio::spawn)
            .build(handle)
            .run_until(async move {
                stop.cancelled().await;
                Ok::<(), WorkerError>(())
            })
            .boxed()
    }
}

/// Returns the prefix of a queue's keys. The braces keep all its keys in one slot of a Redis cluster.
fn name(queue: Queue) -> String {
    format!("{{trackscribe:{}}}", queue.as_str())
}

fn backend(redis: &ConnectionManager, queue: Queue) -> RedisStorage<WakeUp> {
    let config = Config::default()
        .queue(name(queue))
        .batch_size(1)
        .emit_events(false)
        .heartbeat_interval(HEARTBEAT_INTERVAL)
        .missed_heartbeats(MISSED_HEARTBEATS);
    RedisStorage::new(redis.clone()).with_config(config)
}

/// Decides when apalis polls a queue: at intervals, and after a push by this process.
///
/// Polls until both are pending: apalis's own interval strategy can lose its waker and then sleeps until the next
/// heartbeat.
struct PollTrigger {
    pushed: Arc<Notify>,
    notified: Option<Pin<Box<OwnedNotified>>>,
    interval: Option<Interval>,
}

impl PollTrigger {
    fn new(pushed: Arc<Notify>) -> Self {
        Self {
            pushed,
            notified: None,
            interval: None,
        }
    }
}

impl Clone for PollTrigger {
    fn clone(&self) -> Self {
        Self::new(self.pushed.clone())
    }
}

impl PollStrategy for PollTrigger {
    fn poll_drive(&mut self, cx: &mut Context<'_>, _: &PollSnapshot) -> Poll<Option<()>> {
        let interval = self.interval.get_or_insert_with(|| {
            let mut interval = tokio::time::interval(POLL_INTERVAL);
            interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
            interval
        });
        while interval.poll_tick(cx).is_ready() {}
        loop {
            let notified = self
                .notified
                .get_or_insert_with(|| Box::pin(self.pushed.clone().notified_owned()));
            if notified.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.notified = None;
        }
    }
}
