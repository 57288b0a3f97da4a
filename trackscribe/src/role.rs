//! Code that the three roles share.

use anyhow::{Result, bail};
use boot::Shutdown;

/// Runs a role to its end, or drops it at the second signal.
pub async fn until_second_signal(shutdown: &Shutdown, role: impl Future<Output = Result<()>>) -> Result<()> {
    tokio::select! {
        outcome = role => outcome,
        () = shutdown.now.cancelled() => bail!("stopped at the second signal, before running work had finished"),
    }
}
