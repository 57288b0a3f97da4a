//! Starts and stops everything that one machine runs.

use anyhow::{Context, Result};
use boot::Shutdown;
use secrecy::{ExposeSecret, SecretString};
use tokio_util::sync::CancellationToken;

use super::{
    child::Child,
    lock::{self, Lock},
    plan,
    postgres::{self, Cluster},
    programs::Programs,
    ready::{self, Check},
    spec::ChildSpec,
};
use crate::setup::{self, Prepared, Site};

/// Connections for the few statements at the start.
const CONNECTIONS: u32 = 2;

/// A locked data folder and its running children.
#[derive(Debug)]
pub struct Stack {
    pub prepared: Prepared,
    programs: Programs,
    children: Vec<Child>,
    /// Kills children that are being stopped.
    now: CancellationToken,
    _lock: Lock,
}

impl Stack {
    /// Locks the data folder, stops processes of an earlier run, and writes the configuration.
    pub async fn prepare(site: Site, programs: Programs, now: CancellationToken) -> Result<Self> {
        site.data.create()?;
        let lock = Lock::take(&site.data)?;
        lock::stop_leftovers(&site.data, &plan::STOP_ORDER).await?;
        let prepared = setup::prepare(site)?;
        Ok(Self {
            prepared,
            programs,
            children: Vec::new(),
            now,
            _lock: lock,
        })
    }

    /// Starts all children and waits until they are ready. Call [`Stack::stop`] afterwards, also after an error.
    pub async fn start(&mut self) -> Result<()> {
        let cluster = postgres::prepare(&self.prepared, &self.programs).await?;
        let ports = self.prepared.site.ports;
        let (redis, livekit) = (
            plan::redis(&self.prepared, &self.programs),
            plan::livekit(&self.prepared, &self.programs),
        );
        self.launch(plan::postgres(&self.prepared, &cluster))?;
        self.launch(redis)?;
        self.ready(plan::REDIS, Check::Redis).await?;
        self.launch(livekit)?;
        self.ready(postgres::NAME, Check::Postgres(&cluster)).await?;
        self.prepare_database(&cluster).await?;
        self.ready(plan::LIVEKIT, Check::http(ports.livekit, "/")).await?;
        for role in plan::roles(&self.prepared, &self.programs) {
            self.launch(role)?;
        }
        self.ready(plan::EGRESS, Check::http(ports.egress_health, "/healthz"))
            .await?;
        self.ready(plan::WORKER, Check::http(ports.worker, "/healthz")).await?;
        self.ready(plan::SERVER, Check::http(ports.api, "/readyz")).await
    }

    /// A running child, by its name in [`plan`].
    pub fn child(&self, name: &str) -> Option<&Child> {
        self.children.iter().find(|child| child.spec.name == name)
    }

    /// Stops the children one after the other.
    pub async fn stop(mut self) {
        for name in plan::STOP_ORDER {
            while let Some(at) = self.children.iter().position(|child| child.spec.name == name) {
                tracing::info!("stopping {name}");
                self.children.remove(at).stop().await;
            }
        }
    }

    fn launch(&mut self, spec: ChildSpec) -> Result<()> {
        tracing::info!("starting {}", spec.name);
        self.children
            .push(Child::start(spec, &self.prepared.site.data, self.now.clone())?);
        Ok(())
    }

    async fn ready(&self, name: &str, check: Check<'_>) -> Result<()> {
        let child = self.child(name);
        ready::wait(
            child.with_context(|| format!("{name} was not started"))?,
            check,
            &self.prepared,
        )
        .await
    }

    /// Creates schema and admin key, before any role needs them.
    async fn prepare_database(&self, cluster: &Cluster) -> Result<()> {
        postgres::create_database(cluster, &self.prepared).await?;
        let url = self
            .prepared
            .env
            .get("DATABASE_URL")
            .context(".env contains no DATABASE_URL")?;
        let pool = storage::pool::connect_lazy(url, "up", CONNECTIONS)?;
        storage::pool::migrate(&pool)
            .await
            .context("cannot update the database schema")?;
        let created = self.ensure_admin_key(&pool).await;
        pool.close().await;
        created
    }

    /// Creates an admin key, unless the one of an earlier start is in the database.
    async fn ensure_admin_key(&self, pool: &storage::PgPool) -> Result<()> {
        let path = self.prepared.site.data.admin_key();
        if let Ok(text) = std::fs::read_to_string(&path) {
            let digest = server::keys::digest(&SecretString::from(text.trim()));
            if storage::api_keys::find_by_hash(&mut *pool.acquire().await?, &digest)
                .await?
                .is_some()
            {
                return Ok(());
            }
        }
        let key = server::keys::create(pool, "admin", &[server::keys::Scope::Admin]).await?;
        setup::write_secret(&path, &format!("{}\n", key.text.expose_secret()))
    }
}

/// Starts the stack. Returns `None` if the process was asked to stop meanwhile. Then, and after an error, everything is
/// stopped again.
pub async fn start(site: Site, programs: Programs, shutdown: &Shutdown) -> Result<Option<Stack>> {
    let mut stack = Stack::prepare(site, programs, shutdown.now.clone()).await?;
    let outcome = match shutdown.graceful.run_until_cancelled(stack.start()).await {
        Some(Ok(())) => return Ok(Some(stack)),
        Some(Err(error)) => Err(error),
        None => Ok(None),
    };
    stack.stop().await;
    outcome
}
