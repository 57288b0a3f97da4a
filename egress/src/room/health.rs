//! Whether a track that should send packets does, and when to try another connection for it. Pure.

use std::time::{Duration, Instant};

/// After this time without a packet or a sender report, a track that has sent before counts as silent. Speech pauses
/// are much shorter (a packet each 400 ms at most), and livekit-server sends a report every 3 s.
const SILENCE: Duration = Duration::from_secs(8);
/// The same for a track that has not sent on this connection yet. A connection that carries nothing at all has given up
/// by then.
const FIRST_PACKET: Duration = Duration::from_secs(20);
/// The same while sender reports go on: then the server sends what it has, and it is the publisher who is silent.
const PUBLISHER_SILENCE: Duration = Duration::from_secs(60);
/// The pause after the first attempt. It doubles with each attempt, because a publisher may be silent for hours.
const PAUSE: Duration = Duration::from_secs(30);
const MAX_PAUSE: Duration = Duration::from_secs(600);
/// How long a sender report proves that the server sends the track.
const REPORT_VALIDITY: Duration = Duration::from_secs(7);

/// What is known about the packets of one track.
#[derive(Debug, Default)]
pub(super) struct TrackHealth {
    /// Since when packets are expected, or the last one; `None` while none are expected.
    silent_since: Option<Instant>,
    has_sent: bool,
    last_report: Option<Instant>,
    attempts: u32,
    last_attempt: Option<Instant>,
}

impl TrackHealth {
    /// From now on packets are expected: the track is subscribed to, joined and unmuted. Repeated calls change nothing.
    pub fn expect(&mut self, now: Instant) {
        self.silent_since.get_or_insert(now);
    }

    /// No packets are expected: the track is muted, or its connection is lost.
    pub fn rest(&mut self) {
        let attempts = self.attempts;
        *self = Self {
            attempts,
            ..Self::default()
        };
    }

    /// A packet arrived. One of a muted track, which ends its silence, changes nothing.
    pub fn handle_packet(&mut self, now: Instant) {
        if let Some(since) = &mut self.silent_since {
            *since = now;
            self.has_sent = true;
            self.attempts = 0;
            self.last_attempt = None;
        }
    }

    pub fn handle_report(&mut self, now: Instant) {
        self.last_report = Some(now);
    }

    /// Returns for how long packets that are expected have not arrived.
    pub fn silence(&self, now: Instant) -> Option<Duration> {
        self.silent_since.map(|since| now.saturating_duration_since(since))
    }

    /// Whether the track counts as silent.
    pub fn is_silent(&self, now: Instant) -> bool {
        self.silence(now).is_some_and(|silence| silence >= SILENCE)
    }

    /// Returns whether to try another connection now, and counts the attempt.
    pub fn is_attempt_due(&mut self, now: Instant) -> bool {
        let Some(silence) = self.silence(now) else { return false };
        let since_attempt = self.last_attempt.map(|at| now.saturating_duration_since(at));
        if silence < self.first_wait(now) || since_attempt.is_some_and(|since| since < self.pause()) {
            return false;
        }
        self.attempts = self.attempts.saturating_add(1);
        self.last_attempt = Some(now);
        true
    }

    /// The server cannot send the track on this connection: the next attempt is due as if the track had been silent.
    pub fn handle_refused(&mut self, now: Instant) {
        self.silent_since = now.checked_sub(FIRST_PACKET).or(self.silent_since);
        self.last_report = None;
    }

    fn first_wait(&self, now: Instant) -> Duration {
        let is_reported = |at: Instant| now.saturating_duration_since(at) < REPORT_VALIDITY;
        match (self.last_report.is_some_and(is_reported), self.has_sent) {
            (true, _) => PUBLISHER_SILENCE,
            (false, true) => SILENCE,
            (false, false) => FIRST_PACKET,
        }
    }

    fn pause(&self) -> Duration {
        let doublings = self.attempts.saturating_sub(1).min(10);
        (PAUSE * 2u32.pow(doublings)).min(MAX_PAUSE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The seconds at which attempts are due, of the first `seconds`.
    fn attempts(health: &mut TrackHealth, start: Instant, seconds: u64, report_every: Option<u64>) -> Vec<u64> {
        (1..=seconds)
            .filter(|second| {
                let now = start + Duration::from_secs(*second);
                if report_every.is_some_and(|every| second.is_multiple_of(every)) {
                    health.handle_report(now);
                }
                health.is_attempt_due(now)
            })
            .collect()
    }

    #[test]
    fn attempts_for_a_track_that_falls_silent_come_with_growing_pauses() {
        let start = Instant::now();
        let mut health = TrackHealth::default();
        health.expect(start);
        health.handle_packet(start);

        let due = attempts(&mut health, start, 2000, None);

        assert_eq!(due, [8, 38, 98, 218, 458, 938, 1538]);
    }

    #[test]
    fn a_track_that_never_sent_gets_more_time() {
        let start = Instant::now();
        let mut health = TrackHealth::default();
        health.expect(start);

        assert_eq!(attempts(&mut health, start, 60, None), [20, 50]);
    }

    #[test]
    fn while_sender_reports_arrive_the_publisher_is_the_silent_one() {
        let start = Instant::now();
        let mut health = TrackHealth::default();
        health.expect(start);
        health.handle_packet(start);

        assert_eq!(attempts(&mut health, start, 100, Some(3)), [60, 90]);
    }

    #[test]
    fn a_packet_begins_anew() {
        let start = Instant::now();
        let mut health = TrackHealth::default();
        health.expect(start);
        health.handle_packet(start);
        attempts(&mut health, start, 40, None);

        let later = start + Duration::from_secs(40);
        health.handle_packet(later);

        assert!(!health.is_silent(later));
        assert_eq!(attempts(&mut health, later, 40, None), [8, 38]);
    }

    #[test]
    fn a_muted_track_is_not_silent_also_if_closing_frames_arrive() {
        let start = Instant::now();
        let mut health = TrackHealth::default();
        health.expect(start);
        health.rest();

        health.handle_packet(start);

        assert_eq!(health.silence(start + Duration::from_secs(60)), None);
        assert!(attempts(&mut health, start, 60, None).is_empty());
    }

    #[test]
    fn a_lost_connection_does_not_shorten_the_pauses_of_a_publisher_that_stays_silent() {
        let start = Instant::now();
        let mut health = TrackHealth::default();
        health.expect(start);
        attempts(&mut health, start, 60, None);

        health.rest();
        health.expect(start);

        assert_eq!(attempts(&mut health, start, 200, None), [20, 140]);
    }

    #[test]
    fn a_refused_track_is_tried_elsewhere_at_once() {
        let start = Instant::now() + Duration::from_secs(100);
        let mut health = TrackHealth::default();
        health.expect(start);

        health.handle_refused(start);

        assert!(health.is_attempt_due(start) && !health.is_attempt_due(start));
    }
}
