//! Waiting until a child answers, and saying what it said if it never does.

use std::time::Duration;

use anyhow::{Result, bail};
use secrecy::ExposeSecret;

use super::{
    child::Child,
    postgres::{self, Cluster},
};
use crate::setup::Prepared;

/// How long a child may take from its start to its first answer; the first start of a slow machine needs some.
const PATIENCE: Duration = Duration::from_secs(90);

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// One look must not hang: a child that accepts and never answers is not ready.
const LOOK_TIMEOUT: Duration = Duration::from_secs(3);

/// How a child shows that it can be used.
#[derive(Clone, Copy, Debug)]
pub enum Check<'a> {
    Postgres(&'a Cluster),
    Redis,
    /// Any answer 2xx from `http://127.0.0.1:{port}{path}`.
    Http {
        port: u16,
        path: &'static str,
    },
}

impl Check<'_> {
    pub fn http(port: u16, path: &'static str) -> Self {
        Self::Http { port, path }
    }
}

/// Returns once `check` succeeds; fails at once where the child dies first.
pub async fn wait(child: &Child, check: Check<'_>, prepared: &Prepared) -> Result<()> {
    let name = child.spec.name;
    let answers = async {
        while !looks_ready(check, prepared).await {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    tokio::select! {
        () = answers => Ok(()),
        status = child.died() => bail!("{name} ended at its start ({status}); {}", child.last_words()),
        () = tokio::time::sleep(PATIENCE) => {
            bail!("{name} does not answer after {} s; {}", PATIENCE.as_secs(), child.last_words())
        }
    }
}

async fn looks_ready(check: Check<'_>, prepared: &Prepared) -> bool {
    let look = async {
        match check {
            Check::Postgres(cluster) => postgres::is_ready(cluster, prepared.site.ports.postgres).await,
            Check::Redis => ping(prepared).await.is_ok(),
            Check::Http { port, path } => answers(port, path).await.is_ok(),
        }
    };
    tokio::time::timeout(LOOK_TIMEOUT, look).await.unwrap_or(false)
}

/// With the password, so that another Redis on this port is not taken for ours.
async fn ping(prepared: &Prepared) -> redis::RedisResult<()> {
    let password = prepared.secrets.redis_password.expose_secret();
    let client = redis::Client::open(format!("redis://:{password}@127.0.0.1:{}", prepared.site.ports.redis))?;
    let mut connection = client.get_multiplexed_async_connection().await?;
    redis::cmd("PING").query_async::<()>(&mut connection).await
}

async fn answers(port: u16, path: &str) -> reqwest::Result<()> {
    reqwest::get(format!("http://127.0.0.1:{port}{path}"))
        .await?
        .error_for_status()
        .map(drop)
}
