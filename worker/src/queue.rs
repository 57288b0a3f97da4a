//! The doorbell: wake-ups on Redis, rung by the relay and heard by apalis workers. The only file that knows apalis and
//! redis.
//!
//! Redis says *look at row X* and may lose, repeat or delay it; the row in PostgreSQL is the job. How apalis 1.0 on Redis
//! behaves is why things are as they are here: prefetched tasks run twice (batches of one), heartbeats below a second
//! are taken for none, a name is refused for minutes after its process ended (a new one each time), a worker ends at the
//! first broken connection (built anew for ever), and a task that returns an error is retried by rules of its own (none
//! ever does).

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

/// How often a queue is looked at. A wake-up that this process rang is heard at once.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// A live worker says so this often; whole seconds, since apalis cuts off the rest.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(5);

/// After so many missed heartbeats its wake-ups are given to others. The lease in PostgreSQL decides who may work.
const MISSED_HEARTBEATS: usize = 4;

/// Before a worker that ended is built anew: Redis may be gone for a while.
const REBUILD_PAUSE: Duration = Duration::from_secs(1);

/// Most wake-ups that wait in a queue: from 8 000 on every fetch fails.
const MAX_BACKLOG: usize = 1_000;

/// Finished wake-ups that are forgotten at a time.
const PRUNE_BATCH: usize = 1_000;

/// Redis on a busy machine may need longer than the client's own half second, and apalis gives a worker up at the first
/// error.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Why Redis did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    #[error("Redis cannot be reached; check that it runs and that REDIS_URL is right")]
    Connect(#[source] redis::RedisError),
    #[error("Redis did not take a wake-up")]
    Push(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("Redis did not answer")]
    Command(#[from] redis::RedisError),
}

impl QueueError {
    /// Whether the address itself is wrong, so that waiting is of no use.
    pub fn is_setting(&self) -> bool {
        matches!(self, Self::Connect(error) if error.kind() == redis::ErrorKind::InvalidClientConfig)
    }
}

/// What is done with a wake-up. Never fails: whether and when to try again stands in the row.
pub type Handler = Arc<dyn Fn(JobId) -> BoxFuture<'static, ()> + Send + Sync>;

/// A wake-up names a row.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct WakeUp {
    job: JobId,
}

/// Both ends of the wire. Clones share the connection, which heals itself.
#[derive(Clone)]
pub struct WakeQueue {
    redis: ConnectionManager,
    /// Wakes the workers of this process without waiting for their next look.
    pushed: Arc<BTreeMap<Queue, Arc<Notify>>>,
}

impl WakeQueue {
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

    /// How many more wake-ups a queue may take.
    pub async fn capacity(&self, queue: Queue) -> Result<usize, QueueError> {
        let name = name(queue);
        let mut pipe = redis::pipe();
        pipe.zcard(format!("{name}:scheduled")).llen(format!("{name}:active"));
        let waiting: Vec<usize> = pipe.query_async(&mut self.redis.clone()).await?;
        Ok(MAX_BACKLOG.saturating_sub(waiting.iter().sum()))
    }

    /// Wakes somebody for each job.
    pub async fn push(&self, queue: Queue, jobs: Vec<JobId>) -> Result<(), QueueError> {
        if jobs.is_empty() {
            return Ok(());
        }
        let wake_ups = jobs.into_iter().map(|job| WakeUp { job }).collect();
        storage(&self.redis, queue)
            .push_bulk(wake_ups)
            .await
            .map_err(|why| QueueError::Push(why.into()))?;
        if let Some(pushed) = self.pushed.get(&queue) {
            pushed.notify_waiters();
        }
        Ok(())
    }

    /// Drops what apalis keeps of finished wake-ups; its own vacuum would also delete those that wait.
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

    /// Answers the wake-ups of one queue, at most `slots` at once, until `stop`; then waits for those that run.
    pub async fn serve(&self, queue: Queue, slots: usize, handler: Handler, stop: CancellationToken) {
        let consumer = QueueConsumer {
            wake_queue: self.clone(),
            queue,
            slots,
            handler,
            limit: Arc::new(Semaphore::new(slots)),
        };
        while !stop.is_cancelled() {
            match consumer.build_worker(stop.clone()).await {
                Ok(()) => {}
                Err(error) => {
                    tracing::warn!(queue = queue.as_str(), %error, "a queue's worker ended; building another")
                }
            }
            stop.run_until_cancelled(tokio::time::sleep(REBUILD_PAUSE)).await;
        }
        // What an earlier worker of this loop had begun may still run.
        let _all = consumer
            .limit
            .acquire_many(u32::try_from(slots).unwrap_or(u32::MAX))
            .await;
    }
}

/// One queue in this process.
struct QueueConsumer {
    wake_queue: WakeQueue,
    queue: Queue,
    slots: usize,
    handler: Handler,
    /// Tasks of a worker that apalis gave up still run, and still count.
    limit: Arc<Semaphore>,
}

impl QueueConsumer {
    /// Boxed here, outside any async fn: inside one, `parallelize` does not compile.
    fn build_worker(&self, stop: CancellationToken) -> BoxFuture<'static, Result<(), WorkerError>> {
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
            .backend(storage(&self.wake_queue.redis, self.queue).poll_with_strategy(trigger))
            .concurrency(self.slots)
            // Spawned: a task that blocks its thread cannot stop the heartbeat, and a panic is an error.
            .parallelize(tokio::spawn)
            .build(handle)
            .run_until(async move {
                stop.cancelled().await;
                Ok::<(), WorkerError>(())
            })
            .boxed()
    }
}

/// The braces keep the keys of a queue in one slot of a cluster.
fn name(queue: Queue) -> String {
    format!("{{trackscribe:{}}}", queue.as_str())
}

fn storage(redis: &ConnectionManager, queue: Queue) -> RedisStorage<WakeUp> {
    let config = Config::default()
        .queue(name(queue))
        .batch_size(1)
        .emit_events(false)
        .heartbeat_interval(HEARTBEAT_INTERVAL)
        .missed_heartbeats(MISSED_HEARTBEATS);
    RedisStorage::new(redis.clone()).with_config(config)
}

/// When to look at a queue: at intervals, and when this process rang. Polls until both are pending; the stock interval
/// can drop its waker and then sleeps until the next heartbeat.
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
