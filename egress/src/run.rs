//! Starts a worker from its configuration, and shuts it down.

use std::time::Duration;

use anyhow::Context as _;
use rtc::token::ApiKey;
use tokio::time::{sleep, timeout};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::{
    config::{Drain, EgressConfig},
    control::{
        admission::Load,
        worker_methods::{Start, WorkerMethods, serve_worker},
    },
    health,
    metrics::{self, SpoolFigures},
    probe,
    psrpc::{Bus, Client, Server},
    room::{RoomAccess, Rooms},
    session::{IO_SERVICE, IoInfoClient, RoomLists, SessionContext, Sessions, Shutdown},
    spool::{Spool, SpoolConfig},
    upload::Uploader,
};

/// How long grants are still received after the last offer. A caller whose granted request gets no answer waits ten
/// seconds. livekit-server grants 500 ms after the first offer at the latest.
const GRANT_LINGER: Duration = Duration::from_millis(600);

/// How long ended recordings may take to be stored and reported. With a short drain timeout this fits into the 60 s
/// that `up` waits. The next process stores what is left.
const STORE_TIMEOUT: Duration = Duration::from_secs(45);

/// The longest wait for running sessions to write what they have, and then for rooms to be left and calls to be answered.
/// Together with [`GRANT_LINGER`] a suspended worker is gone within two seconds.
const SUSPEND_TIMEOUT: Duration = Duration::from_millis(900);
const LEAVE_TIMEOUT: Duration = Duration::from_millis(400);

/// Between two updates of the gauges: shorter than Prometheus' usual interval of 15 s.
const GAUGE_INTERVAL: Duration = Duration::from_secs(5);

/// The parts of a running worker.
struct Worker {
    bus: Bus,
    server: Server,
    rooms: Rooms,
    spool: Spool,
    uploader: Uploader,
    sessions: Sessions,
    shutdown: Shutdown,
}

/// Runs the worker until `shutdown` is cancelled. It first continues what an earlier process left, for which it does not
/// need Redis, and receives requests as soon as Redis answers. At the end it accepts no new requests, and suspends or
/// finishes its recordings, as `trackscribe.drain` says.
///
/// # Errors
/// Fails if the worker cannot start, or if recordings were to be finished and could not be stored in time.
pub async fn run(config: EgressConfig, shutdown: CancellationToken) -> anyhow::Result<()> {
    for warning in &config.warnings {
        tracing::warn!("egress.yaml: {warning}");
    }
    let worker = Worker::new(&config, open_spool(&config)?, shutdown.clone())?;
    let stop_health = CancellationToken::new();
    let _stop_health_on_return = stop_health.clone().drop_guard();
    health::serve(&config, worker.health_check(), &stop_health).await?;
    worker.sessions.recover().await;
    let _stop_probe_on_return = probe_store(&config, &shutdown);
    let _stop_gauges_on_return = AbortOnDropHandle::new(tokio::spawn(update_gauges(
        worker.sessions.clone(),
        worker.spool.clone(),
    )));
    let methods = shutdown.run_until_cancelled(worker.serve(&config)).await.transpose()?;

    shutdown.cancelled().await;

    worker.sessions.update_occupancy();
    tracing::info!(
        recordings = worker.sessions.recording(),
        "stopping: no new requests are accepted"
    );
    match config.trackscribe.drain {
        Drain::Suspend => worker.suspend(methods).await,
        Drain::Finish => worker.finish(methods, config.trackscribe.drain_timeout).await,
    }
}

impl Worker {
    /// Puts the parts together. Nothing runs yet, and nothing is connected.
    fn new(config: &EgressConfig, spool: Spool, stopping: CancellationToken) -> anyhow::Result<Self> {
        let bus = Bus::start(&config.redis)?;
        let client = Client::new(bus.clone(), IO_SERVICE);
        let server = Server::new(bus.clone());
        let rooms = Rooms::new(room_access(config, &spool));
        let (uploader, shutdown) = (
            Uploader::new(),
            Shutdown {
                stopping,
                ..Shutdown::default()
            },
        );
        let sessions = Sessions::new(SessionContext {
            has_capacity: has_capacity(spool.clone(), config.trackscribe.max_recordings),
            io_info: IoInfoClient::new(client),
            room_lists: RoomLists::default(),
            server: server.clone(),
            rooms: rooms.clone(),
            spool: spool.clone(),
            uploader: uploader.clone(),
            limits: config.limits,
            store: config.storage.as_ref().and_then(|storage| storage.store.clone()),
            shutdown: shutdown.clone(),
        });
        Ok(Self {
            bus,
            server,
            rooms,
            spool,
            uploader,
            sessions,
            shutdown,
        })
    }

    fn health_check(&self) -> boot::health::HealthCheck {
        health::check(
            self.bus.clone(),
            self.sessions.clone(),
            self.spool.clone(),
            self.uploader.clone(),
        )
    }

    /// Receives requests, once Redis answers.
    async fn serve(&self, config: &EgressConfig) -> anyhow::Result<WorkerMethods> {
        let start = Start {
            sessions: self.sessions.clone(),
            rooms: self.rooms.clone(),
            spool: self.spool.clone(),
            storage: config.storage.clone(),
            max_recordings: config.trackscribe.max_recordings,
            declines: config.trackscribe.decline,
        };
        let methods = serve_worker(&self.server, start).await?;
        tracing::info!(redis = config.redis.address(), livekit = %config.ws_url, "the egress worker is ready");
        Ok(methods)
    }

    /// Leaves all recordings to the next process. They go on until the last moment.
    async fn suspend(self, methods: Option<WorkerMethods>) -> anyhow::Result<()> {
        sleep(GRANT_LINGER).await;
        drop(methods);
        self.shutdown.suspend.cancel();
        if timeout(SUSPEND_TIMEOUT, self.sessions.finish()).await.is_err() {
            tracing::error!("not all recordings were written in time; the last second of them may be lost");
        }
        let leave = async { tokio::join!(self.server.finish(), self.rooms.finish()) };
        let _in_time = timeout(LEAVE_TIMEOUT, leave).await;
        Ok(())
    }

    /// Lets recordings go on for `drain_timeout`, ends those that are left, stores and reports them.
    async fn finish(self, methods: Option<WorkerMethods>, drain_timeout: Duration) -> anyhow::Result<()> {
        let (finished, ()) = tokio::join!(self.finish_sessions(drain_timeout), sleep(GRANT_LINGER));
        drop(methods);
        self.shutdown.suspend.cancel();
        let _in_time = timeout(SUSPEND_TIMEOUT, self.sessions.finish()).await;
        self.server.finish().await;
        self.rooms.finish().await;
        finished
    }

    /// Waits until every recording is stored and reported.
    async fn finish_sessions(&self, drain_timeout: Duration) -> anyhow::Result<()> {
        if timeout(drain_timeout, self.sessions.finish()).await.is_ok() {
            return Ok(());
        }
        tracing::info!(
            recordings = self.sessions.recording(),
            "ending the recordings that are still running"
        );
        self.shutdown.end_now.cancel();
        let finished = timeout(STORE_TIMEOUT, self.sessions.finish()).await;
        finished.with_context(|| {
            format!(
                "{} recordings were not stored and reported within {} s; the next process continues",
                self.sessions.active_ids().len(),
                STORE_TIMEOUT.as_secs()
            )
        })
    }
}

/// Keeps the gauges true while no session begins or ends: the disk fills up or is freed by others.
async fn update_gauges(sessions: Sessions, spool: Spool) {
    loop {
        sessions.update_occupancy();
        let space = spool.space();
        metrics::spool(SpoolFigures {
            free_bytes: space.free_bytes,
            backlog_bytes: space.backlog_bytes,
            oldest: space.oldest.unwrap_or_default(),
            last_sync: space.last_sync,
        });
        sleep(GAUGE_INTERVAL).await;
    }
}

/// Starts writing the probe object, if a store is configured. Dropping the handle stops the task.
fn probe_store(config: &EgressConfig, shutdown: &CancellationToken) -> Option<AbortOnDropHandle<()>> {
    let store = config.storage.as_ref()?.store.clone()?;
    Some(AbortOnDropHandle::new(tokio::spawn(probe::tend(
        store,
        shutdown.clone(),
    ))))
}

fn open_spool(config: &EgressConfig) -> anyhow::Result<Spool> {
    let settings = &config.trackscribe;
    Ok(Spool::open(SpoolConfig {
        root: settings.spool.clone(),
        min_free_bytes: settings.min_free_bytes,
        max_backlog_bytes: settings.max_backlog_bytes,
    })?)
}

/// Returns the rule by which requests are accepted, for the metrics.
fn has_capacity(spool: Spool, max_recordings: usize) -> Box<dyn Fn(usize) -> bool + Send + Sync> {
    Box::new(move |recording| {
        let load = Load {
            recording,
            max_recordings,
            is_stopping: false,
            space: spool.space().level,
            declines: false,
        };
        load.refusal().is_none()
    })
}

fn room_access(config: &EgressConfig, spool: &Spool) -> RoomAccess {
    let instance = config.trackscribe.instance.as_deref().unwrap_or(spool.instance());
    RoomAccess {
        url: config.ws_url.clone(),
        api_key: ApiKey::new(&config.api_key, config.api_secret.clone()),
        identity_prefix: format!("egress-{instance}"),
    }
}
