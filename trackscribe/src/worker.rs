//! `trackscribe worker`.

use anyhow::Result;
use boot::Shutdown;

pub type Args = ::worker::config::WorkerConfig;

pub async fn run(args: Args, shutdown: Shutdown) -> Result<()> {
    crate::role::until_second_signal(&shutdown, ::worker::run(args, shutdown.token())).await
}
