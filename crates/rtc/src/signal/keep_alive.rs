//! Pings, and when a silent server counts as lost.

use std::time::{Duration, Instant};

use livekit_protocol::Ping;

/// Between pings, if the server names no valid interval.
const DEFAULT_INTERVAL: Duration = Duration::from_secs(5);
/// After this time without a message the connection is lost, if the server names no valid timeout.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(15);
/// Longer intervals and timeouts are not valid.
const MAX_SECONDS: i32 = 300;

#[derive(Debug)]
pub(crate) struct KeepAlive {
    /// The zero point of the timestamps in pings, which the server only returns.
    epoch: Instant,
    interval: Duration,
    timeout: Duration,
    next_ping: Instant,
    last_received: Instant,
    rtt: Duration,
}

impl KeepAlive {
    pub fn new(now: Instant) -> Self {
        Self {
            epoch: now,
            interval: DEFAULT_INTERVAL,
            timeout: DEFAULT_TIMEOUT,
            next_ping: now + DEFAULT_INTERVAL,
            last_received: now,
            rtt: Duration::ZERO,
        }
    }

    /// Sets the interval and timeout of the join response, in seconds.
    pub fn configure(&mut self, interval_s: i32, timeout_s: i32) {
        self.interval = seconds(interval_s).unwrap_or(DEFAULT_INTERVAL);
        self.timeout = seconds(timeout_s).unwrap_or(DEFAULT_TIMEOUT);
    }

    /// A new WebSocket is open: interval and timeout start again.
    pub fn restart(&mut self, now: Instant) {
        self.last_received = now;
        self.next_ping = now + self.interval;
    }

    /// A message arrived, of any kind.
    pub fn handle_received(&mut self, now: Instant) {
        self.last_received = now;
    }

    /// The server returned a ping's timestamp.
    pub fn handle_pong(&mut self, now: Instant, ping_timestamp: i64) {
        let Ok(sent_ms) = u64::try_from(ping_timestamp) else {
            return;
        };
        // Ignore the answer to a ping that we cannot have sent.
        if let Some(rtt) = now
            .duration_since(self.epoch)
            .checked_sub(Duration::from_millis(sent_ms))
        {
            self.rtt = rtt;
        }
    }

    /// Returns a ping if one is due. It carries the last round-trip time, from which the server derives its timeout of ICE
    /// over TCP.
    pub fn poll(&mut self, now: Instant) -> Option<Ping> {
        if now < self.next_ping {
            return None;
        }
        self.next_ping = now + self.interval;
        Some(Ping {
            timestamp: millis(now.duration_since(self.epoch)),
            rtt: millis(self.rtt),
        })
    }

    pub fn is_lost(&self, now: Instant) -> bool {
        now >= self.last_received + self.timeout
    }

    pub fn deadline(&self) -> Instant {
        self.next_ping.min(self.last_received + self.timeout)
    }
}

fn seconds(seconds: i32) -> Option<Duration> {
    (1..=MAX_SECONDS)
        .contains(&seconds)
        .then(|| Duration::from_secs(seconds.unsigned_abs().into()))
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_ping_is_sent_every_interval_with_the_last_round_trip_time() {
        let start = Instant::now();
        let mut keep_alive = KeepAlive::new(start);

        assert_eq!(keep_alive.poll(start + 4 * SECOND), None);
        let first = keep_alive.poll(start + 5 * SECOND).unwrap();
        keep_alive.handle_pong(start + 5 * SECOND + Duration::from_millis(70), first.timestamp);
        let second = keep_alive.poll(start + 10 * SECOND).unwrap();

        assert_eq!((first.timestamp, first.rtt), (5000, 0));
        assert_eq!((second.timestamp, second.rtt), (10_000, 70));
    }

    #[test]
    fn silence_for_the_servers_timeout_is_a_loss() {
        let start = Instant::now();
        let mut keep_alive = KeepAlive::new(start);
        keep_alive.configure(2, 7);

        keep_alive.handle_received(start + SECOND);

        assert!(!keep_alive.is_lost(start + 7 * SECOND));
        assert!(keep_alive.is_lost(start + 8 * SECOND));
    }

    #[test]
    fn invalid_values_from_the_server_are_ignored() {
        let start = Instant::now();
        let mut keep_alive = KeepAlive::new(start);

        keep_alive.configure(-1, i32::MAX);
        keep_alive.handle_pong(start, i64::MIN);
        keep_alive.handle_pong(start, i64::MAX);

        assert_eq!(
            (keep_alive.interval, keep_alive.timeout, keep_alive.rtt),
            (DEFAULT_INTERVAL, DEFAULT_TIMEOUT, Duration::ZERO)
        );
    }
}
