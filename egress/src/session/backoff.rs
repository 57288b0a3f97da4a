//! The pauses between calls to livekit-server that are repeated until it answers.

use std::time::Duration;

use tokio::time::sleep;

/// Pauses between attempts, doubling: the server may be restarting. The longest is short enough for an egress to be
/// reported soon after an outage of hours.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// The pauses of one call.
pub struct Backoff {
    pause: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { pause: FIRST_PAUSE }
    }
}

impl Backoff {
    pub async fn wait(&mut self) {
        sleep(self.pause).await;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
    }
}
