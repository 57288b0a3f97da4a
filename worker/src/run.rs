//! Starts a worker from its settings, and stops it.

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use chrono::{SubsecRound, Utc};
use domain::job::Queue;
use objects::{ObjectStore, sweeper};
use platform::{Platform, Platforms, livekit::Livekit};
use secrecy::ExposeSecret;
use tokio::time::{sleep, timeout};
use tokio_util::{
    sync::CancellationToken,
    task::{AbortOnDropHandle, TaskTracker},
};
use uuid::Uuid;

use crate::{
    attempt,
    config::{QUICK_JOBS, Settings, WorkerConfig},
    context::WorkerContext,
    delivery::{Courier, DeliveryClient},
    engine::Engine,
    feed, inbox,
    log::chain,
    pools::Pool,
    queue::{Handler, WakeQueue},
    reconcile, relay, webhook_guard,
};

/// Pause between attempts to reach the database or Redis at the start.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// How long a stop waits for running jobs. They release themselves after eight seconds.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(12);

/// How often the egress's probe object is looked up, and how many times: the egress may start after this worker.
const PROBE_INTERVAL: Duration = Duration::from_secs(10);
const MAX_PROBES: u32 = 12;

/// Digits of a second that PostgreSQL stores. With more, a value read back would differ from the one written.
const DATABASE_SUBSECOND_DIGITS: u16 = 6;

/// Runs until `stop`. Waits for the database and for Redis at the start.
pub async fn run(config: WorkerConfig, stop: CancellationToken) -> anyhow::Result<()> {
    let settings = config.check()?;
    let metrics = boot::prometheus::install().context("cannot collect metrics")?;
    let listener = boot::health::bind(settings.bind, "health and metrics (TRACKSCRIBE_WORKER_BIND)").await?;
    let pages = boot::health::router(boot::health::always_healthy()).merge(boot::prometheus::router(metrics));
    let ctx = context(&settings)?;
    let tasks = TaskTracker::new();
    tasks.spawn(boot::health::serve(listener, pages, stop.clone()));
    let Some(()) = stop.run_until_cancelled(migrate(&ctx)).await.transpose()? else {
        return Ok(());
    };
    if settings.pool.controls() {
        spawn_control(&ctx, &tasks, &stop);
        let client = DeliveryClient::new(settings.webhook_networks.clone());
        let client = client.context("cannot create an HTTP client for webhooks; check this system's certificates")?;
        tasks.spawn(Courier::new(ctx.clone(), client).run(stop.clone()));
    }
    let Some(wake_queue) = stop.run_until_cancelled(connect(&settings)).await.transpose()? else {
        return Ok(());
    };
    tracing::info!(
        recordings = ctx.recordings.describe(),
        transcripts = ctx.transcripts.describe(),
        "worker started"
    );
    let concurrency = settings.transcribe_concurrency;
    spawn_queues(&ctx, &wake_queue, settings.pool, concurrency, &tasks, &stop);
    let _loading = AbortOnDropHandle::new(tokio::spawn(announce_engine(ctx.engine.clone())));
    tasks.spawn(compare_stores(ctx.clone(), stop.clone()));
    tasks.spawn(sweep_stores(ctx.clone(), stop.clone()));
    stop.cancelled().await;
    tasks.close();
    if timeout(DRAIN_TIMEOUT, tasks.wait()).await.is_err() {
        tracing::warn!("jobs were interrupted by the shutdown; they run again when their lease expires");
    }
    ctx.pool.close().await;
    Ok(())
}

/// Reconciles with the platform, judges late webhooks and publishes events, in tasks that end after `stop`. These need no
/// Redis.
fn spawn_control(ctx: &WorkerContext, tasks: &TaskTracker, stop: &CancellationToken) {
    let (inbox_ctx, inbox_stop) = (ctx.clone(), stop.clone());
    tasks.spawn(async move { inbox::run(&inbox_ctx, &inbox_stop).await });
    let (feed_ctx, feed_stop) = (ctx.clone(), stop.clone());
    tasks.spawn(async move { feed::run(&feed_ctx, &feed_stop).await });
    let (reconcile_ctx, reconcile_stop) = (ctx.clone(), stop.clone());
    tasks.spawn(async move { reconcile::run(&reconcile_ctx, &reconcile_stop).await });
    let (guard_ctx, guard_stop) = (ctx.clone(), stop.clone());
    tasks.spawn(async move { webhook_guard::run(&guard_ctx, &guard_stop).await });
}

/// Starts the relay and the queues of a pool, in tasks that end after `stop`. Each queue has its own slots.
fn spawn_queues(
    ctx: &WorkerContext,
    wake_queue: &WakeQueue,
    pool: Pool,
    transcribe_concurrency: usize,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) {
    let handler = handler(ctx, stop);
    for queue in pool.queues() {
        let slots = match queue {
            Queue::TranscribeTrack if ctx.engine.is_none() => continue,
            Queue::TranscribeTrack => transcribe_concurrency,
            _ => QUICK_JOBS,
        };
        let (wake_queue, handler, stop) = (wake_queue.clone(), handler.clone(), stop.clone());
        tasks.spawn(async move { wake_queue.serve(queue, slots, handler, stop).await });
    }
    let (ctx, wake_queue, stop) = (ctx.clone(), wake_queue.clone(), stop.clone());
    tasks.spawn(async move { relay::run(&ctx, &wake_queue, &pool.queues(), &stop).await });
}

/// Loads the engine, so that the log says at the start what is missing. Recording and transcribing go on without it: jobs
/// wait until it is there.
async fn announce_engine(engine: Option<Arc<dyn Engine>>) {
    let Some(engine) = engine else { return };
    match engine.ready().await {
        Ok(info) => tracing::info!(engine = info.key, "the speech engine is ready"),
        Err(error) => {
            let error = chain(&error);
            tracing::error!(
                error,
                "the speech engine cannot be used; recordings wait for their transcription"
            );
        }
    }
}

fn handler(ctx: &WorkerContext, stop: &CancellationToken) -> Handler {
    let (ctx, stop) = (ctx.clone(), stop.clone());
    Arc::new(move |job| {
        let (ctx, stop) = (ctx.clone(), stop.clone());
        Box::pin(async move { attempt::run(job, &ctx, &stop).await })
    })
}

fn context(settings: &Settings) -> anyhow::Result<WorkerContext> {
    let url = settings.database_url.expose_secret();
    let pool = storage::pool::connect_lazy(url, "worker", settings.database_connections)
        .context("DATABASE_URL is not a valid PostgreSQL URL")?;
    let engine = match settings.pool.transcribes() {
        true => settings.engine.open(settings.transcribe_concurrency),
        false => None,
    };
    Ok(WorkerContext {
        pool,
        recordings: objects::open(&settings.recordings)?,
        transcripts: objects::open(&settings.transcripts)?,
        platforms: platforms(settings),
        engine,
        clock: Arc::new(|| Utc::now().trunc_subsecs(DATABASE_SUBSECOND_DIGITS)),
        ids: Arc::new(Uuid::now_v7),
        beats: Arc::default(),
        vacancies: Arc::default(),
        leftovers: Arc::default(),
        end_limits: settings.end_limits,
        adopt_rooms: settings.adopt_rooms,
        kept: settings.kept,
    })
}

/// Returns the adapters of the configured platforms.
fn platforms(settings: &Settings) -> Platforms {
    let livekit = settings
        .livekit
        .clone()
        .map(|config| Arc::new(Livekit::new(config)) as Arc<dyn Platform>);
    Platforms::new(livekit.into_iter().chain(settings.hosted.iter().cloned()).collect())
}

/// Migrates the database, however long it is unreachable.
async fn migrate(ctx: &WorkerContext) -> anyhow::Result<()> {
    loop {
        match storage::pool::migrate(&ctx.pool).await {
            Ok(()) => return Ok(()),
            Err(error) if error.is_transient() => {
                tracing::warn!("waiting for the database: {:#}", anyhow::Error::from(error));
                sleep(RETRY_PAUSE).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Connects to Redis, however long it is unreachable.
async fn connect(settings: &Settings) -> anyhow::Result<WakeQueue> {
    loop {
        match WakeQueue::connect(settings.redis_url.expose_secret()).await {
            Ok(wake_queue) => return Ok(wake_queue),
            Err(error) if error.is_setting() => return Err(error.into()),
            Err(error) => {
                tracing::warn!("waiting for Redis: {:#}", anyhow::Error::from(error));
                sleep(RETRY_PAUSE).await;
            }
        }
    }
}

/// Logs whether the stores can be used, and whether the egress uses the same one; if it does not, every recording would
/// appear to be missing.
async fn compare_stores(ctx: WorkerContext, stop: CancellationToken) {
    for (name, store) in [("recordings", &ctx.recordings), ("transcripts", &ctx.transcripts)] {
        if let Err(error) = objects::probe::round_trip(store.as_ref(), "worker", (ctx.clock)()).await {
            let error = chain(&error);
            tracing::error!(error, store = store.describe(), "cannot use the store of {name}");
            return;
        }
    }
    stop.run_until_cancelled(find_egress_probe(ctx.recordings.as_ref()))
        .await;
}

/// Deletes what interrupted writes left, also where no egress does so: transcripts may have a store of their own.
async fn sweep_stores(ctx: WorkerContext, stop: CancellationToken) {
    let (recordings, transcripts) = (ctx.recordings.as_ref(), ctx.transcripts.as_ref());
    let both = async {
        if recordings.describe() == transcripts.describe() {
            sweeper::run(transcripts).await
        } else {
            tokio::join!(sweeper::run(recordings), sweeper::run(transcripts)).0
        }
    };
    stop.run_until_cancelled(both).await;
}

async fn find_egress_probe(store: &dyn ObjectStore) {
    for _ in 0..MAX_PROBES {
        if let Ok(Some(written_at)) = objects::probe::read(store, "egress").await {
            tracing::info!(%written_at, "the egress uses the same store");
            return;
        }
        sleep(PROBE_INTERVAL).await;
    }
    let store = store.describe();
    tracing::error!(
        store,
        "no egress has written its probe object here; check that egress.yaml and this worker name the same store"
    );
}

#[cfg(test)]
mod tests;
