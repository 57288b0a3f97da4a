//! Notices that media stopped although it should flow.
//!
//! str0m and the server need 15 s for that, and over TCP the keep-alives go on while UDP is dead. So packets and sender
//! reports are watched, not datagrams.

use std::time::{Duration, Instant};

/// How long silence is normal. The server sends a sender report for each track every 3 s.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(6);
/// Between two alarms. A client that resumes this often is not moved to TCP by the server.
const ALARM_INTERVAL: Duration = Duration::from_secs(5);
/// Alarms that ask for a resume before the connection counts as dead: a resume that helps does so within a second.
const RESUMES: u32 = 2;
/// Between two checks.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Watchdog {
    next_check: Instant,
    last_media: Instant,
    /// Since when media should flow.
    expecting_since: Option<Instant>,
    last_alarm: Option<Instant>,
    /// Since media arrived for the last time.
    alarms: u32,
}

/// What to do against silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Alarm {
    None,
    /// Resume, which restarts ICE.
    Resume,
    /// Resumes have not helped: give up the connection after this time without media.
    GiveUp(Duration),
}

impl Watchdog {
    pub fn new(now: Instant) -> Self {
        Self {
            next_check: now + CHECK_INTERVAL,
            last_media: now,
            expecting_since: None,
            last_alarm: None,
            alarms: 0,
        }
    }

    pub fn handle_media(&mut self, now: Instant) {
        self.last_media = now;
        self.alarms = 0;
    }

    pub fn is_due(&self, now: Instant) -> bool {
        now >= self.next_check
    }

    /// Returns what to do against silence. `expects_media`: a track that has sent packets before is unmuted.
    pub fn check(&mut self, now: Instant, expects_media: bool) -> Alarm {
        self.next_check = now + CHECK_INTERVAL;
        if !expects_media {
            self.expecting_since = None;
            self.alarms = 0;
            return Alarm::None;
        }
        let since = *self.expecting_since.get_or_insert(now);
        let silence = now.saturating_duration_since(since.max(self.last_media));
        let alarmed_recently = self
            .last_alarm
            .is_some_and(|at| now.saturating_duration_since(at) < ALARM_INTERVAL);
        if silence < SILENCE_TIMEOUT || alarmed_recently {
            return Alarm::None;
        }
        self.last_alarm = Some(now);
        self.alarms += 1;
        if self.alarms > RESUMES {
            Alarm::GiveUp(silence)
        } else {
            Alarm::Resume
        }
    }

    pub fn deadline(&self) -> Instant {
        self.next_check
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alarms(watchdog: &mut Watchdog, start: Instant, expects: impl Fn(u64) -> bool) -> Vec<u64> {
        (1..=20)
            .filter(|second| watchdog.check(start + Duration::from_secs(*second), expects(*second)) != Alarm::None)
            .collect()
    }

    #[test]
    fn six_seconds_of_silence_raise_an_alarm_repeated_every_five_seconds() {
        let start = Instant::now();
        let mut watchdog = Watchdog::new(start);
        watchdog.check(start, true);

        assert_eq!(alarms(&mut watchdog, start, |_| true), [6, 11, 16]);
    }

    #[test]
    fn the_connection_is_given_up_after_two_resumes_that_brought_no_media() {
        let start = Instant::now();
        let at = |second| start + Duration::from_secs(second);
        let mut watchdog = Watchdog::new(start);
        watchdog.check(start, true);

        let dead = [6, 11, 16].map(|second| watchdog.check(at(second), true));
        watchdog.handle_media(at(17));
        let again = watchdog.check(at(23), true);

        let silence = Duration::from_secs(16);
        assert_eq!(dead, [Alarm::Resume, Alarm::Resume, Alarm::GiveUp(silence)]);
        assert_eq!(again, Alarm::Resume);
    }

    #[test]
    fn silence_is_no_alarm_while_no_media_is_expected() {
        let start = Instant::now();
        let mut watchdog = Watchdog::new(start);

        assert!(alarms(&mut watchdog, start, |_| false).is_empty());
    }

    #[test]
    fn after_a_mute_the_timeout_starts_again() {
        let start = Instant::now();
        let mut watchdog = Watchdog::new(start);

        assert_eq!(alarms(&mut watchdog, start, |second| second >= 10), [16]);
    }

    #[test]
    fn a_sender_report_restarts_the_timeout() {
        let start = Instant::now();
        let mut watchdog = Watchdog::new(start);
        watchdog.check(start, true);

        watchdog.handle_media(start + Duration::from_secs(4));

        assert_eq!(alarms(&mut watchdog, start, |_| true), [10, 15, 20]);
    }
}
