//! Shutdown in two stages: the first SIGTERM or SIGINT is graceful, the second immediate.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The two stages of a shutdown. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    /// Cancelled by the first signal: accept nothing new, finish running work.
    pub graceful: CancellationToken,
    /// Cancelled by the second signal: drop running work.
    pub now: CancellationToken,
}

impl Shutdown {
    /// Starts listening for SIGTERM and SIGINT. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// If a signal handler cannot be installed.
    pub fn listen() -> io::Result<Self> {
        let shutdown = Self::default();
        let (terminate, interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        tokio::spawn(watch(shutdown.clone(), terminate, interrupt));
        Ok(shutdown)
    }

    /// Returns a shutdown that ignores signals, for tests and for roles inside another process.
    pub fn manual() -> Self {
        Self::default()
    }

    /// Returns the token of the first stage, which most loops need.
    pub fn token(&self) -> CancellationToken {
        self.graceful.clone()
    }
}

async fn watch(shutdown: Shutdown, mut terminate: Signal, mut interrupt: Signal) {
    for stage in [&shutdown.graceful, &shutdown.now] {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stage.cancel();
    }
}

#[cfg(test)]
mod tests {
    use std::{process::Command, time::Duration};

    use super::*;

    /// Ample for a signal to our own process; only a failing test waits this long.
    const TIMEOUT: Duration = Duration::from_secs(10);

    fn send_signal_to_self(name: &str) {
        let pid = std::process::id().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    }

    #[tokio::test]
    async fn the_first_signal_is_graceful_and_the_second_immediate() {
        let shutdown = Shutdown::listen().unwrap();

        send_signal_to_self("-TERM");
        tokio::time::timeout(TIMEOUT, shutdown.graceful.cancelled())
            .await
            .unwrap();
        let immediate_after_first = shutdown.now.is_cancelled();
        send_signal_to_self("-INT");
        tokio::time::timeout(TIMEOUT, shutdown.now.cancelled()).await.unwrap();

        assert!(!immediate_after_first);
    }
}
