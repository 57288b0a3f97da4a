//! Waits until a child is ready.

use std::time::Duration;

use anyhow::{Result, bail};
use secrecy::ExposeSecret;

use super::{
    child::Child,
    postgres::{self, Cluster},
};
use crate::setup::Prepared;

/// Longest time from a child's start to its first answer. The first start on a slow machine needs most of it.
const START_TIMEOUT: Duration = Duration::from_secs(90);

/// Pause between two checks.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// A child that accepts a connection and does not answer within this time is not ready.
const CHECK_TIMEOUT: Duration = Duration::from_secs(3);

/// How to check whether a child is ready.
#[derive(Clone, Copy, Debug)]
pub enum Check<'a> {
    Postgres(&'a Cluster),
    Redis,
    /// Any 2xx response from `http://127.0.0.1:{port}{path}`.
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

/// Waits until `check` succeeds.
///
/// # Errors
/// If the child exits first, or is not ready after 90 s. The error contains the end of its log.
pub async fn wait(child: &Child, check: Check<'_>, prepared: &Prepared) -> Result<()> {
    let name = child.spec.name;
    let ready = async {
        while !is_ready(check, prepared).await {
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    };
    tokio::select! {
        () = ready => Ok(()),
        status = child.exited() => bail!("{name} exited while starting ({status}); {}", child.log_tail()),
        () = tokio::time::sleep(START_TIMEOUT) => {
            bail!("{name} is not ready after {} s; {}", START_TIMEOUT.as_secs(), child.log_tail())
        }
    }
}

async fn is_ready(check: Check<'_>, prepared: &Prepared) -> bool {
    let result = async {
        match check {
            Check::Postgres(cluster) => postgres::is_ready(cluster, prepared.site.ports.postgres).await,
            Check::Redis => ping(prepared).await.is_ok(),
            Check::Http { port, path } => get(port, path).await.is_ok(),
        }
    };
    tokio::time::timeout(CHECK_TIMEOUT, result).await.unwrap_or(false)
}

/// Authenticates, so that another Redis on this port is not mistaken for ours.
async fn ping(prepared: &Prepared) -> redis::RedisResult<()> {
    let password = prepared.secrets.redis_password.expose_secret();
    let client = redis::Client::open(format!("redis://:{password}@127.0.0.1:{}", prepared.site.ports.redis))?;
    let mut connection = client.get_multiplexed_async_connection().await?;
    redis::cmd("PING").query_async::<()>(&mut connection).await
}

async fn get(port: u16, path: &str) -> reqwest::Result<()> {
    reqwest::get(format!("http://127.0.0.1:{port}{path}"))
        .await?
        .error_for_status()
        .map(drop)
}
