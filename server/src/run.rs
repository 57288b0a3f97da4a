//! Startup, serving and shutdown.

use std::{sync::Arc, time::Duration};

use anyhow::Context;
use axum::Router;
use platform::{Platform, Platforms, livekit::Livekit};
use secrecy::ExposeSecret;
use storage::{PgPool, StorageError, pool::STATEMENT_TIMEOUT};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    api::events::Feed,
    config::{ServerConfig, Settings},
    limits::Limits,
    router::router,
    serve::{ConnectionLimits, DRAIN_TIMEOUT, serve},
    signalling::SignalProxy,
    state::{AppState, random_ids, system_clock},
    tokens::Signer,
    webhook::WEBHOOK_TIMEOUT,
};

/// Pause between attempts to reach the database at startup.
const DATABASE_RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// No statement outlives the answer to a webhook.
const _: () = assert!(STATEMENT_TIMEOUT.as_millis() < WEBHOOK_TIMEOUT.as_millis());

/// The application: its router, and the state that its handlers share.
pub struct App {
    pub router: Router,
    pub state: AppState,
}

impl App {
    /// Builds the application from checked settings. Opens no connection.
    pub fn build(settings: &Settings) -> anyhow::Result<Self> {
        let url = settings.database_url.expose_secret();
        let pool = storage::pool::connect_lazy(url, "server", settings.database_connections)
            .context("DATABASE_URL is not a valid PostgreSQL URL")?;
        Ok(Self::new(AppState {
            pool,
            platforms: platforms(settings),
            objects: objects::open(&settings.store)?,
            clock: system_clock(),
            ids: random_ids(),
            limits: Limits::new(&settings.limits),
            feed: Feed::default(),
            signer: Signer::new(settings.signing_secrets.clone()),
            options: Arc::new(settings.options.clone()),
            readiness: Arc::default(),
            tasks: TaskTracker::new(),
            signalling: signalling(settings)?,
        }))
    }

    /// Builds the application around an existing state.
    pub fn new(state: AppState) -> Self {
        Self {
            router: router(state.clone()),
            state,
        }
    }
}

/// Returns the proxy of LiveKit's signalling, if LiveKit is used.
fn signalling(settings: &Settings) -> anyhow::Result<Option<SignalProxy>> {
    let livekit = settings.livekit.as_ref();
    livekit.map(|config| SignalProxy::new(&config.url)).transpose()
}

/// Returns the adapters of the configured platforms.
fn platforms(settings: &Settings) -> Platforms {
    let livekit = settings
        .livekit
        .clone()
        .map(|config| Arc::new(Livekit::new(config)) as Arc<dyn Platform>);
    Platforms::new(livekit.into_iter().chain(settings.hosted.iter().cloned()).collect())
}

/// Migrates the database, waiting until it is reachable, and serves until `stop`.
pub async fn run(config: ServerConfig, stop: CancellationToken) -> anyhow::Result<()> {
    let settings = config.check()?;
    boot::prometheus::install().context("cannot collect metrics")?;
    let app = App::build(&settings)?;
    let purpose = "the API (TRACKSCRIBE_BIND)";
    let listener = boot::health::bind(settings.bind, purpose).await?;
    if !migrate(&app.state.pool, &stop).await? {
        return Ok(());
    }
    tracing::info!(address = %listener.local_addr()?, store = app.state.objects.describe(), "serving the API");
    let tasks = app.state.tasks.clone();
    tasks.spawn(app.state.limits.clone().evict_idle(stop.clone()));
    tasks.spawn(app.state.feed.clone().run(app.state.pool.clone(), stop.clone()));
    if let Some(proxy) = &app.state.signalling {
        tasks.spawn(proxy.clone().run_until(stop.clone()));
    }
    serve(listener, app.router, ConnectionLimits::default(), stop).await;
    tasks.close();
    if tokio::time::timeout(DRAIN_TIMEOUT, tasks.wait()).await.is_err() {
        tracing::warn!(
            "work still running {} s after the last request was dropped",
            DRAIN_TIMEOUT.as_secs()
        );
    }
    app.state.pool.close().await;
    Ok(())
}

/// Migrates the schema, retrying while the database is unavailable. Returns false if `stop` came first.
async fn migrate(pool: &PgPool, stop: &CancellationToken) -> Result<bool, StorageError> {
    loop {
        match stop.run_until_cancelled(storage::pool::migrate(pool)).await {
            None => return Ok(false),
            Some(Ok(())) => return Ok(true),
            Some(Err(error)) if error.is_transient() => {
                tracing::warn!("waiting for the database: {:#}", anyhow::Error::from(error));
                stop.run_until_cancelled(tokio::time::sleep(DATABASE_RETRY_INTERVAL))
                    .await;
            }
            Some(Err(error)) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use clap::{Args, Command, FromArgMatches, builder::Resettable};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpStream,
    };

    use super::*;

    /// Pause between attempts to reach the starting server.
    const RETRY_INTERVAL: Duration = Duration::from_millis(20);

    async fn get(address: SocketAddr, path: &str) -> std::io::Result<String> {
        let mut socket = TcpStream::connect(address).await?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
        socket.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await?;
        Ok(answer)
    }

    fn config(address: SocketAddr, database: &str, store: &std::path::Path) -> ServerConfig {
        let args = [
            "server".to_owned(),
            format!("--bind={address}"),
            format!("--database-url={database}"),
            format!("--storage=file://{}", store.display()),
            "--livekit-url=ws://127.0.0.1:9".to_owned(),
            "--livekit-api-key=key".to_owned(),
            "--livekit-api-secret=0123456789abcdef0123456789abcdef".to_owned(),
        ];
        let command = ServerConfig::augment_args(Command::new("server")).mut_args(|arg| arg.env(Resettable::Reset));
        ServerConfig::from_arg_matches(&command.get_matches_from(args)).unwrap()
    }

    #[sqlx::test(migrations = false)]
    async fn a_server_migrates_the_database_serves_and_stops(pool: PgPool) {
        boot::tls::install_provider();
        use sqlx::ConnectOptions;
        let address = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let store = tempfile::tempdir().unwrap();
        let database = pool.connect_options().to_url_lossy().to_string();
        let stop = CancellationToken::new();

        let server = tokio::spawn(run(config(address, &database, store.path()), stop.clone()));
        let ready = loop {
            assert!(!server.is_finished(), "{:?}", server.await);
            match get(address, "/readyz").await {
                Ok(answer) => break answer,
                Err(_) => tokio::time::sleep(RETRY_INTERVAL).await,
            }
        };
        stop.cancel();
        server.await.unwrap().unwrap();

        assert!(
            ready.starts_with("HTTP/1.1 200") && ready.contains(r#""database":{"status":"ok""#),
            "{ready}"
        );
        assert!(get(address, "/healthz").await.is_err());
    }
}
