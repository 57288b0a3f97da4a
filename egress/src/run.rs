//! From a configuration to a worker, and back to nothing.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use media::WallClock;
use rtc::token::ApiKey;
use tokio::time::{sleep, timeout};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::{
    clock::unix_ns,
    config::EgressConfig,
    control::worker_methods::{Start, serve_worker},
    health, probe,
    psrpc::{Bus, Client, Server},
    room::{RoomAccess, Rooms},
    session::{IO_SERVICE, IoInfoClient, SessionContext, Sessions},
    spool::Spool,
};

/// How long grants are still heard after the last offer: a request that was offered for and not answered would cost
/// its caller ten seconds.
const GRANT_LINGER: Duration = Duration::from_secs(2);

/// How long recordings that were ended may take to be stored and reported. With a short drain time this fits into the
/// 60 s that `up` waits. What is not stored by then lies in the spool folder.
const FINISH_WITHIN: Duration = Duration::from_secs(45);

/// What lives as long as the worker.
struct Worker {
    bus: Bus,
    server: Server,
    rooms: Rooms,
    sessions: Sessions,
    /// Ends what runs.
    end_now: CancellationToken,
}

/// Runs the worker until `shutdown`: then takes nothing new, lets recordings go on for `drain_timeout`, ends those
/// that are left, stores and reports them, and returns.
///
/// # Errors
/// The worker could not start, or recordings could not be stored in time; the message says what to look at.
pub async fn run(config: EgressConfig, shutdown: CancellationToken) -> anyhow::Result<()> {
    for warning in &config.warnings {
        tracing::warn!("egress.yaml: {warning}");
    }
    let spool = open_spool(&config)?;
    let worker = connect(&config, spool, &shutdown).await?;
    let stop_pages = CancellationToken::new();
    let _pages_end_with_us = stop_pages.clone().drop_guard();
    let check = health::check(worker.bus.clone(), worker.sessions.clone());
    health::serve_pages(&config, check, &stop_pages).await?;
    worker.sessions.show_occupancy();
    let start = Start {
        sessions: worker.sessions.clone(),
        storage: config.storage.clone(),
        max_recordings: config.trackscribe.max_recordings,
        declines: config.trackscribe.decline,
    };
    let methods = serve_worker(&worker.server, start).await?;
    let _probe_ends_with_us = probe_store(&config, &shutdown);
    tracing::info!(redis = config.redis.address(), livekit = %config.ws_url, "the egress worker is ready");

    shutdown.cancelled().await;

    worker.sessions.show_occupancy();
    tracing::info!(recordings = worker.sessions.running(), "stopping: nothing new is taken");
    let drained = drain(&worker.sessions, config.trackscribe.drain_timeout, &worker.end_now);
    let (drained, ()) = tokio::join!(drained, sleep(GRANT_LINGER));
    drop(methods);
    worker.server.finish().await;
    worker.rooms.finish().await;
    drained
}

/// The task ends when what is returned is dropped.
fn probe_store(config: &EgressConfig, shutdown: &CancellationToken) -> Option<AbortOnDropHandle<()>> {
    let store = config.storage.as_ref()?.store.clone()?;
    Some(AbortOnDropHandle::new(tokio::spawn(probe::leave(
        store,
        shutdown.clone(),
    ))))
}

fn open_spool(config: &EgressConfig) -> anyhow::Result<Spool> {
    let spool = Spool::open(&config.trackscribe.spool)?;
    for folder in spool.leftovers() {
        tracing::warn!("a recording that was not stored lies in {}", folder.display());
    }
    Ok(spool)
}

async fn connect(config: &EgressConfig, spool: Spool, shutdown: &CancellationToken) -> anyhow::Result<Worker> {
    let bus = Bus::connect(&config.redis).await?;
    let client = Client::new(bus.clone(), IO_SERVICE)
        .await
        .context("no replies can be heard on Redis")?;
    let server = Server::new(bus.clone());
    let rooms = Rooms::new(access(config));
    let end_now = CancellationToken::new();
    let sessions = Sessions::new(SessionContext {
        io_info: IoInfoClient::new(client),
        server: server.clone(),
        rooms: rooms.clone(),
        spool,
        limits: config.limits,
        wall: WallClock {
            instant: Instant::now(),
            wall_ns: unix_ns(),
        },
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

/// Waits for the recordings: first as long as they like, then ends them.
async fn drain(sessions: &Sessions, patience: Duration, end_now: &CancellationToken) -> anyhow::Result<()> {
    if timeout(patience, sessions.finish()).await.is_ok() {
        return Ok(());
    }
    tracing::info!(recordings = sessions.running(), "ending the recordings that still run");
    end_now.cancel();
    let in_time = timeout(FINISH_WITHIN, sessions.finish()).await;
    in_time.with_context(|| {
        format!(
            "{} recordings were not stored and reported within {} s; their files stay in the spool folder",
            sessions.running(),
            FINISH_WITHIN.as_secs()
        )
    })
}

fn access(config: &EgressConfig) -> RoomAccess {
    RoomAccess {
        url: config.ws_url.clone(),
        api_key: ApiKey::new(&config.api_key, config.api_secret.clone()),
        identity: format!("egress-{}", config.trackscribe.instance),
    }
}
