//! `trackscribe server`.

use anyhow::Result;
use boot::Shutdown;

pub type Args = ::server::ServerConfig;

pub async fn run(args: Args, shutdown: Shutdown) -> Result<()> {
    crate::role::until_second_signal(&shutdown, ::server::run(args, shutdown.token())).await
}
