//! `trackscribe egress`.

use ::egress::config::{ConfigArgs, EgressConfig};
use anyhow::Result;
use boot::Shutdown;

/// Records tracks for the livekit-server on the same Redis, in place of LiveKit's own egress worker or beside it. Every
/// key of the configuration is explained in egress.yaml of the repository.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    config: ConfigArgs,
}

impl Args {
    /// What `logging.level` says; nothing where the file cannot be read, which `run` reports.
    pub fn log_level(&self) -> Option<String> {
        EgressConfig::load(&self.config).ok()?.log_level
    }
}

pub async fn run(args: Args, shutdown: Shutdown) -> Result<()> {
    let config = EgressConfig::load(&args.config)?;
    crate::role::until_insisted(&shutdown, ::egress::run(config, shutdown.token())).await
}
