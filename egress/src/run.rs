//! Starts a worker from its configuration, and shuts it down.

use std::time::Duration;

use anyhow::Context as _;
use rtc::token::ApiKey;
use tokio::time::{sleep, timeout};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::{
    config::EgressConfig,
    control::worker_methods::{Start, serve_worker},
    health, probe,
    psrpc::{Bus, Client, Server},
    room::{RoomAccess, Rooms},
    session::{IO_SERVICE, IoInfoClient, SessionContext, Sessions},
    spool::legacy::Spool,
};

/// How long grants are still received after the last offer. A caller whose granted request gets no answer waits ten
/// seconds.
const GRANT_LINGER: Duration = Duration::from_secs(2);

/// How long ended recordings may take to be stored and reported. With a short drain timeout this fits into the 60 s
/// that `up` waits. Files that are not stored by then stay in the spool folder.
const STORE_TIMEOUT: Duration = Duration::from_secs(45);

/// The parts of a running worker.
struct Worker {
    bus: Bus,
    server: Server,
    rooms: Rooms,
    sessions: Sessions,
    /// Ends the running sessions.
    end_now: CancellationToken,
}

/// Runs the worker until `shutdown` is cancelled. It then accepts no new requests, lets running recordings continue for
/// `drain_timeout`, ends those that are left, stores and reports them, and returns.
///
/// # Errors
/// Fails if the worker cannot start, or if recordings could not be stored in time.
pub async fn run(config: EgressConfig, shutdown: CancellationToken) -> anyhow::Result<()> {
    for warning in &config.warnings {
        tracing::warn!("egress.yaml: {warning}");
    }
    let spool = open_spool(&config)?;
    let worker = connect(&config, spool, &shutdown).await?;
    let stop_health = CancellationToken::new();
    let _stop_health_on_return = stop_health.clone().drop_guard();
    let check = health::check(worker.bus.clone(), worker.sessions.clone());
    health::serve(&config, check, &stop_health).await?;
    worker.sessions.update_occupancy();
    let start = Start {
        sessions: worker.sessions.clone(),
        storage: config.storage.clone(),
        max_recordings: config.trackscribe.max_recordings,
        declines: config.trackscribe.decline,
    };
    let methods = serve_worker(&worker.server, start).await?;
    let _stop_probe_on_return = probe_store(&config, &shutdown);
    tracing::info!(redis = config.redis.address(), livekit = %config.ws_url, "the egress worker is ready");

    shutdown.cancelled().await;

    worker.sessions.update_occupancy();
    tracing::info!(
        recordings = worker.sessions.running(),
        "stopping: no new requests are accepted"
    );
    let drained = drain(&worker.sessions, config.trackscribe.drain_timeout, &worker.end_now);
    let (drained, ()) = tokio::join!(drained, sleep(GRANT_LINGER));
    drop(methods);
    worker.server.finish().await;
    worker.rooms.finish().await;
    drained
}

/// Starts writing the probe object, if a store is configured. Dropping the handle stops the task.
fn probe_store(config: &EgressConfig, shutdown: &CancellationToken) -> Option<AbortOnDropHandle<()>> {
    let store = config.storage.as_ref()?.store.clone()?;
    Some(AbortOnDropHandle::new(tokio::spawn(probe::write(
        store,
        shutdown.clone(),
    ))))
}

fn open_spool(config: &EgressConfig) -> anyhow::Result<Spool> {
    let spool = Spool::open(&config.trackscribe.spool)?;
    for folder in spool.leftovers() {
        tracing::warn!("found a recording that was not stored in {}", folder.display());
    }
    Ok(spool)
}

async fn connect(config: &EgressConfig, spool: Spool, shutdown: &CancellationToken) -> anyhow::Result<Worker> {
    let bus = Bus::connect(&config.redis).await?;
    let client = Client::new(bus.clone(), IO_SERVICE)
        .await
        .context("cannot receive replies on Redis")?;
    let server = Server::new(bus.clone());
    let rooms = Rooms::new(room_access(config));
    let end_now = CancellationToken::new();
    let sessions = Sessions::new(SessionContext {
        io_info: IoInfoClient::new(client),
        server: server.clone(),
        rooms: rooms.clone(),
        spool,
        limits: config.limits,
        stopping: shutdown.clone(),
        end_now: end_now.clone(),
    });
    Ok(Worker {
        bus,
        server,
        rooms,
        sessions,
        end_now,
    })
}

/// Waits for the running sessions until `drain_timeout`, then ends those that are left.
async fn drain(sessions: &Sessions, drain_timeout: Duration, end_now: &CancellationToken) -> anyhow::Result<()> {
    if timeout(drain_timeout, sessions.finish()).await.is_ok() {
        return Ok(());
    }
    tracing::info!(
        recordings = sessions.running(),
        "ending the recordings that are still running"
    );
    end_now.cancel();
    let finished = timeout(STORE_TIMEOUT, sessions.finish()).await;
    finished.with_context(|| {
        format!(
            "{} recordings were not stored and reported within {} s; their files stay in the spool folder",
            sessions.running(),
            STORE_TIMEOUT.as_secs()
        )
    })
}

fn room_access(config: &EgressConfig) -> RoomAccess {
    RoomAccess {
        url: config.ws_url.clone(),
        api_key: ApiKey::new(&config.api_key, config.api_secret.clone()),
        identity: format!("egress-{}", config.trackscribe.instance),
    }
}
