//! Notices that media stopped although it should flow. str0m and the server need 15 s for that, and over TCP the
//! keep-alives go on while UDP is dead; so packets and reports are watched, not datagrams.

use std::time::{Duration, Instant};

/// The server sends a sender report of each track every 3 s.
const SILENCE: Duration = Duration::from_secs(6);
/// Between two attempts to bring media back. A client that resumes this often is not moved to TCP by the server.
const AGAIN: Duration = Duration::from_secs(5);
/// How often there is a look.
const INTERVAL: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Watchdog {
    next_look: Instant,
    last_media: Instant,
    /// Since when something should flow.
    expecting_since: Option<Instant>,
    last_bark: Option<Instant>,
}

impl Watchdog {
    pub fn new(now: Instant) -> Self {
        Self {
            next_look: now + INTERVAL,
            last_media: now,
            expecting_since: None,
            last_bark: None,
        }
    }

    pub fn handle_media(&mut self, now: Instant) {
        self.last_media = now;
    }

    pub fn is_due(&self, now: Instant) -> bool {
        now >= self.next_look
    }

    /// Whether something is to be done about the silence. `expects`: a track that was heard before is unmuted.
    pub fn look(&mut self, now: Instant, expects: bool) -> bool {
        self.next_look = now + INTERVAL;
        if !expects {
            self.expecting_since = None;
            return false;
        }
        let since = *self.expecting_since.get_or_insert(now);
        let silent = now.saturating_duration_since(since.max(self.last_media)) >= SILENCE;
        let patient = self
            .last_bark
            .is_some_and(|at| now.saturating_duration_since(at) < AGAIN);
        if silent && !patient {
            self.last_bark = Some(now);
            return true;
        }
        false
    }

    pub fn deadline(&self) -> Instant {
        self.next_look
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn barks(watchdog: &mut Watchdog, start: Instant, expects: impl Fn(u64) -> bool) -> Vec<u64> {
        (1..=20)
            .filter(|second| watchdog.look(start + Duration::from_secs(*second), expects(*second)))
            .collect()
    }

    #[test]
    fn six_seconds_of_silence_are_reported_and_again_every_five() {
        let start = Instant::now();
        let mut watchdog = Watchdog::new(start);
        watchdog.look(start, true);

        assert_eq!(barks(&mut watchdog, start, |_| true), [6, 11, 16]);
    }

    #[test]
    fn where_nothing_is_expected_silence_is_fine() {
        let start = Instant::now();
        let mut watchdog = Watchdog::new(start);

        assert!(barks(&mut watchdog, start, |_| false).is_empty());
    }

    #[test]
    fn after_a_mute_the_patience_begins_anew() {
        let start = Instant::now();
        let mut watchdog = Watchdog::new(start);

        assert_eq!(barks(&mut watchdog, start, |second| second >= 10), [16]);
    }

    #[test]
    fn a_report_is_a_sign_of_life() {
        let start = Instant::now();
        let mut watchdog = Watchdog::new(start);
        watchdog.look(start, true);

        watchdog.handle_media(start + Duration::from_secs(4));

        assert_eq!(barks(&mut watchdog, start, |_| true), [10, 15, 20]);
    }
}
