//! Stopping in two stages: the first SIGTERM or SIGINT asks, the second insists.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The two stages. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    /// Cancelled by the first signal: take nothing new, finish what runs.
    pub graceful: CancellationToken,
    /// Cancelled by the second signal: drop what runs.
    pub now: CancellationToken,
}

impl Shutdown {
    /// Listens for SIGTERM and SIGINT from here on. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// Where the system refuses a signal handler.
    pub fn listen() -> io::Result<Self> {
        let shutdown = Self::default();
        let (terminate, interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        tokio::spawn(watch(shutdown.clone(), terminate, interrupt));
        Ok(shutdown)
    }

    /// A shutdown that no signal causes, for tests and for roles inside another process.
    pub fn manual() -> Self {
        Self::default()
    }

    /// The first stage, as most loops need it.
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

    /// Ample for a signal to ourselves; only a failing test waits this long.
    const TIMEOUT: Duration = Duration::from_secs(10);

    fn signal_ourselves(name: &str) {
        let pid = std::process::id().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    }

    #[tokio::test]
    async fn the_first_signal_asks_and_the_second_insists() {
        let shutdown = Shutdown::listen().unwrap();

        signal_ourselves("-TERM");
        tokio::time::timeout(TIMEOUT, shutdown.graceful.cancelled())
            .await
            .unwrap();
        let insisted_at_once = shutdown.now.is_cancelled();
        signal_ourselves("-INT");
        tokio::time::timeout(TIMEOUT, shutdown.now.cancelled()).await.unwrap();

        assert!(!insisted_at_once);
    }
}
