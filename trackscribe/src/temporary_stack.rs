//! A stack for a command that ends by itself: `demo` and `bench`.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener},
    path::PathBuf,
};

use anyhow::{Context, Result, bail};
use boot::Shutdown;
use clap::Args;
use secrecy::SecretString;

use crate::{
    api::Api,
    setup::{Prepared, Site},
    up::{
        child::Child,
        programs::ProgramArgs,
        stack::{self, Stack},
    },
};

/// Printed before the start, which takes some seconds.
pub const STARTING: &str = "Starting PostgreSQL, Redis, livekit-server, server, worker and egress on free ports";

#[derive(Debug, Args)]
pub struct StackArgs {
    /// Folder for data, secrets, logs and configuration; created if missing
    #[arg(long, env = "TRACKSCRIBE_DATA_DIR", default_value = "./data", value_name = "FOLDER")]
    data_dir: PathBuf,
    #[command(flatten)]
    programs: ProgramArgs,
}

/// Everything that one machine runs, on free ports. Must be stopped with [`TemporaryStack::stop`].
#[derive(Debug)]
pub struct TemporaryStack(Stack);

impl TemporaryStack {
    /// Starts everything with these environment variables in addition to `.env`.
    pub async fn start(args: &StackArgs, settings: &[(&'static str, String)], shutdown: &Shutdown) -> Result<Self> {
        let mut site = Site::temporary(&args.data_dir)?;
        site.settings.extend_from_slice(settings);
        match stack::start(site, args.programs.find()?, shutdown).await? {
            Some(stack) => Ok(Self(stack)),
            None => bail!("stopped"),
        }
    }

    pub fn prepared(&self) -> &Prepared {
        &self.0.prepared
    }

    /// A running child, by its name in [`plan`](crate::up::plan).
    pub fn child(&self, name: &str) -> Result<&Child> {
        self.0.child(name).with_context(|| format!("{name} was not started"))
    }

    /// The stack's API, with the admin key.
    pub fn api(&self) -> Result<Api> {
        let site = &self.prepared().site;
        let key = fs::read_to_string(site.data.admin_key()).context("cannot read the admin key")?;
        Api::new(&site.api_url(), SecretString::from(key.trim()))
    }

    pub async fn stop(self) {
        self.0.stop().await;
    }
}

/// Runs `work` to its end, or fails when the process is asked to stop.
pub async fn until_shutdown<T>(shutdown: &Shutdown, work: impl Future<Output = Result<T>>) -> Result<T> {
    let outcome = shutdown.graceful.run_until_cancelled(work).await;
    outcome.unwrap_or_else(|| bail!("stopped"))
}

/// A room name that was not used before.
pub fn new_room(prefix: &str) -> String {
    format!("{prefix}-{}", hex::encode(rand::random::<[u8; 6]>()))
}

/// A TCP port that nothing listens on.
pub fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no TCP port is free")?;
    Ok(listener.local_addr()?.port())
}
