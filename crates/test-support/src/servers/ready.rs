//! Waiting for a program that was just started.

use std::time::{Duration, Instant};

use super::Process;

/// How often a program is started again because another process took its port first.
pub const PORT_ATTEMPTS: usize = 5;

/// Longest time from a program's start to its first answer, on a machine that runs other tests as well.
const START_TIMEOUT: Duration = Duration::from_secs(20);

const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// A program exited before it answered; usually its port was taken.
#[derive(Debug)]
pub struct ExitedEarly;

/// Calls `is_ready` until it returns true.
///
/// # Errors
/// [`ExitedEarly`] if the process exits first.
///
/// # Panics
/// When the process runs and does not answer within 20 s.
pub async fn wait_until_ready(
    process: &mut Process,
    mut is_ready: impl AsyncFnMut() -> bool,
) -> Result<(), ExitedEarly> {
    let deadline = Instant::now() + START_TIMEOUT;
    loop {
        if process.exit_status().is_some() {
            return Err(ExitedEarly);
        }
        if is_ready().await {
            return Ok(());
        }
        assert!(
            Instant::now() < deadline,
            "{} does not answer within {START_TIMEOUT:?}",
            process.name()
        );
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}
