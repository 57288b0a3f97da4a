//! `trackscribe server`.

use anyhow::Result;
use boot::Shutdown;

pub type Args = ::server::ServerConfig;

pub async fn run(args: Args, shutdown: Shutdown) -> Result<()> {
    crate::role::until_insisted(&shutdown, ::server::run(args, shutdown.token())).await
}
