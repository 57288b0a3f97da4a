//! `trackscribe egress`.

use ::egress::config::{ConfigArgs, EgressConfig};
use anyhow::Result;
use boot::Shutdown;

/// Records tracks as an egress worker of LiveKit
///
/// Works for the livekit-server on the same Redis, instead of or beside LiveKit's own egress worker. egress.yaml in the
/// repository explains every key of the configuration.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    config: ConfigArgs,
}

impl Args {
    /// The level that `logging.level` sets. `None` if the configuration is invalid; `run` reports that.
    pub fn log_level(&self) -> Option<String> {
        EgressConfig::load(&self.config).ok()?.log_level
    }
}

pub async fn run(args: Args, shutdown: Shutdown) -> Result<()> {
    let config = EgressConfig::load(&args.config)?;
    crate::role::until_second_signal(&shutdown, ::egress::run(config, shutdown.token())).await
}
