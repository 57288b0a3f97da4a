//! How a session is begun, taken up again, begun anew and ended.

use std::time::{Duration, Instant};

use livekit_protocol::{DisconnectReason, LeaveRequest, signal_request::Message as Request};

use super::{
    backoff::{restart_wait, resume_wait},
    client::{Signal, State},
    events::{Dial, Output, Role, SignalEvent},
    leave::Reaction,
    url::Attempt,
};
use crate::error::{JoinError, LeaveReason};

/// Opening the WebSocket for a join: the server tries up to three times, 3 + 4 + 5 s, before it upgrades.
const JOIN_TIMEOUT: Duration = Duration::from_secs(20);
/// The same for a resume, for which the server waits once.
const RESUME_TIMEOUT: Duration = Duration::from_secs(7);
/// Resumes go on for as long as media does; without media for this time the server has given us up.
const MEDIA_GONE: Duration = Duration::from_secs(15);
/// Tries of the first join while the trouble may pass; its caller knows better than we how long to insist.
const FIRST_JOIN_TRIES: u32 = 3;

impl Signal {
    /// Nothing arrives although something should: a resume restarts ICE.
    pub fn handle_media_stalled(&mut self, now: Instant) {
        if matches!(self.state, State::Up) {
            self.resume(now);
        }
    }

    /// The media connection is beyond repair.
    pub fn handle_media_failed(&mut self, now: Instant, cause: String) {
        match &self.state {
            State::Dialing { attempt, .. } | State::Greeting { attempt, .. } | State::Waiting { attempt, .. }
                if *attempt == Attempt::Join => {}
            // A new session brings a new media connection anyway.
            State::Nameless | State::Over => {}
            _ => self.restart(now, cause),
        }
    }

    /// Takes the session up again on a new WebSocket. Media goes on meanwhile.
    pub(super) fn resume(&mut self, now: Instant) {
        self.lost_at = now;
        self.tries = 0;
        self.emit(SignalEvent::Reconnecting);
        self.dial(
            now,
            Attempt::Resume {
                participant_sid: self.own.sid.clone(),
            },
        );
    }

    /// Begins a new session, with a new media connection.
    pub(super) fn restart(&mut self, now: Instant, cause: String) {
        if self.role == Role::Publisher {
            return self.end(LeaveReason::Disconnected { cause });
        }
        tracing::warn!(cause, "the session is lost, joining anew");
        if matches!(self.state, State::Up) {
            self.emit(SignalEvent::Reconnecting);
        }
        self.restarting_since.get_or_insert(now);
        self.tries = 0;
        self.token = None;
        self.dial(now, Attempt::Join);
    }

    pub(super) fn react(&mut self, now: Instant, reaction: Reaction) {
        match reaction {
            Reaction::End(reason) => self.end(reason),
            Reaction::Resume => self.resume(now),
            Reaction::Restart { cause } => self.restart(now, cause),
        }
    }

    /// One try to get a session failed.
    pub(super) fn fail(&mut self, now: Instant, error: JoinError) {
        self.outputs.push_back(Output::Hangup);
        tracing::info!(%error, cause = ?std::error::Error::source(&error), "no signalling connection");
        match &self.state {
            State::Dialing {
                attempt: Attempt::Resume { .. },
                ..
            }
            | State::Greeting {
                attempt: Attempt::Resume { .. },
                ..
            } => self.fail_resume(now, &error),
            _ if self.is_first_join() => self.fail_first_join(now, error),
            _ => self.fail_restart(now, error),
        }
    }

    /// Ends the session for good, with a good-bye if there is somebody to hear it.
    pub fn end(&mut self, reason: LeaveReason) {
        if matches!(self.state, State::Over) {
            return;
        }
        if matches!(self.state, State::Up | State::Nameless) {
            self.outputs.push_back(Output::Send(Request::Leave(LeaveRequest {
                reason: DisconnectReason::ClientInitiated as i32,
                ..Default::default()
            })));
        }
        self.state = State::Over;
        self.outputs.push_back(Output::Hangup);
        self.emit(if self.is_first_join() {
            SignalEvent::Failed(JoinError::Left(reason))
        } else {
            SignalEvent::Left(reason)
        });
    }

    /// A room is known from the first session on.
    fn is_first_join(&self) -> bool {
        self.own.room_sid.is_empty()
    }

    pub(super) fn dial(&mut self, now: Instant, attempt: Attempt) {
        let limit = dial_timeout(&attempt);
        self.state = State::Dialing {
            attempt: attempt.clone(),
            deadline: now + limit,
        };
        self.outputs.push_back(Output::Dial(Dial {
            attempt,
            token: self.token.clone(),
        }));
    }

    fn wait(&mut self, until: Instant, attempt: Attempt) {
        self.state = State::Waiting { attempt, until };
    }

    fn fail_resume(&mut self, now: Instant, error: &JoinError) {
        let media_gone = now.duration_since(self.lost_at.max(self.last_media)) >= MEDIA_GONE;
        if media_gone || !error.is_transient() {
            return self.restart(now, error.to_string());
        }
        self.tries += 1;
        self.wait(
            now + resume_wait(self.tries),
            Attempt::Resume {
                participant_sid: self.own.sid.clone(),
            },
        );
    }

    fn fail_first_join(&mut self, now: Instant, error: JoinError) {
        self.tries += 1;
        if !error.is_transient() || self.tries >= FIRST_JOIN_TRIES {
            self.state = State::Over;
            return self.emit(SignalEvent::Failed(error));
        }
        let wait = restart_wait(self.tries, &mut self.jitter);
        self.wait(now + wait, Attempt::Join);
    }

    fn fail_restart(&mut self, now: Instant, error: JoinError) {
        let since = *self.restarting_since.get_or_insert(now);
        match error {
            JoinError::Refused { status, text } if !is_passing(status) => {
                return self.end(LeaveReason::Refused { status, text });
            }
            JoinError::Left(reason) if !matches!(reason, LeaveReason::Disconnected { .. }) => return self.end(reason),
            JoinError::WrongGrants => return self.end(LeaveReason::Removed),
            _ => {}
        }
        if now.duration_since(since) >= self.limits.reconnect_for {
            return self.end(LeaveReason::GaveUp(self.limits.reconnect_for));
        }
        self.tries += 1;
        let until = now + restart_wait(self.tries, &mut self.jitter);
        self.wait(until.min(since + self.limits.reconnect_for), Attempt::Join);
    }
}

/// How long a WebSocket may take to open.
pub(super) fn dial_timeout(attempt: &Attempt) -> Duration {
    match attempt {
        Attempt::Join => JOIN_TIMEOUT,
        Attempt::Resume { .. } => RESUME_TIMEOUT,
    }
}

fn is_passing(status: u16) -> bool {
    status >= 500 || status == 429
}

#[cfg(test)]
mod tests {
    use livekit_protocol::leave_request::Action;

    use super::*;
    use crate::signal::testing::{Bench, join, leave, resumed};

    #[test]
    fn a_lost_websocket_is_resumed_at_once() {
        let mut bench = Bench::joined();

        bench.close();
        bench.accept(resumed());

        assert_eq!(
            bench.outline(),
            ["reconnecting", "dial to resume", "send sync state", "resumed"]
        );
    }

    #[test]
    fn resumes_go_on_with_growing_waits_while_media_flows() {
        let mut bench = Bench::joined();
        bench.close();

        let waits: Vec<_> = (0..6)
            .map(|_| {
                bench.refuse(503);
                bench.signal.handle_media(bench.now);
                bench.wait()
            })
            .collect();

        assert_eq!(waits, [300, 1200, 2700, 4800, 7000, 7000]);
        assert!(bench.outline().iter().filter(|said| *said == "dial to join").count() == 0);
    }

    #[test]
    fn without_media_for_fifteen_seconds_a_new_session_is_begun() {
        let mut bench = Bench::joined();
        bench.close();
        bench.outline();

        bench.pass(15);
        bench.refuse(503);

        assert_eq!(bench.outline(), ["hang up", "dial to join"]);
    }

    #[test]
    fn a_refused_resume_leads_to_a_new_session_with_a_new_token() {
        for refusal in [None, Some(Action::Reconnect), Some(Action::Resume)] {
            let mut bench = Bench::joined();
            bench.say(livekit_protocol::signal_response::Message::RefreshToken("fresh".into()));
            bench.close();
            let resume = bench.outputs().pop().unwrap();

            match refusal {
                None => bench.refuse(404),
                Some(action) => bench.accept(leave(action)),
            }
            let restart = bench.outputs().pop().unwrap();

            assert!(matches!(resume, Output::Dial(Dial { token: Some(_), .. })));
            assert!(matches!(
                restart,
                Output::Dial(Dial {
                    attempt: Attempt::Join,
                    token: None
                })
            ));
        }
    }

    #[test]
    fn the_same_room_is_gone_on_with() {
        let mut bench = Bench::joined();
        bench.signal.subscribe(bench.now, "TR_1".into());
        bench.outline();

        bench.say(leave(Action::Reconnect));
        bench.accept(join("RM_1", &["TR_1"]));

        assert_eq!(
            bench.outline(),
            [
                "reconnecting",
                "dial to join",
                "joined RM_1",
                "published TR_1",
                "subscribe TR_1"
            ]
        );
    }

    #[test]
    fn a_room_that_was_made_anew_ends_the_session() {
        let mut bench = Bench::joined();

        bench.say(leave(Action::Reconnect));
        bench.accept(join("RM_2", &["TR_9"]));

        assert_eq!(
            bench.outline(),
            [
                "reconnecting",
                "dial to join",
                "send leave",
                "hang up",
                "left: the room RM_1 is gone, its name belongs to RM_2 now"
            ]
        );
    }

    #[test]
    fn full_reconnects_end_after_the_time_allowed() {
        let mut bench = Bench::joined();
        let start = bench.now;
        bench.say(leave(Action::Reconnect));

        while bench.signal.deadline().is_some() {
            bench.refuse(503);
            if bench.signal.deadline().is_some() {
                bench.wait();
            }
        }

        assert_eq!(bench.outline().pop().unwrap(), "left: no connection for 60 s");
        assert_eq!(bench.now.duration_since(start), Duration::from_secs(60));
    }

    #[test]
    fn a_refused_full_reconnect_is_final() {
        let mut bench = Bench::joined();
        bench.say(leave(Action::Reconnect));

        bench.refuse(401);

        assert_eq!(
            bench.outline().pop().unwrap(),
            "left: LiveKit refused a reconnect with status 401: no"
        );
    }

    #[test]
    fn a_first_join_is_tried_three_times_where_the_trouble_may_pass() {
        let mut bench = Bench::new(Role::Subscriber);

        for _ in 0..2 {
            bench.refuse(503);
            bench.wait();
        }
        bench.refuse(503);

        let outline = bench.outline();
        assert_eq!(outline.iter().filter(|said| *said == "dial to join").count(), 3);
        assert_eq!(
            outline.last().unwrap(),
            "failed: LiveKit refused the connection with status 503: no"
        );
        assert_eq!(bench.signal.deadline(), None);
    }

    #[test]
    fn a_first_join_that_is_refused_fails_at_once() {
        let mut bench = Bench::new(Role::Subscriber);

        bench.refuse(401);

        assert_eq!(bench.outline().len(), 3, "dial, hang up, failed");
    }

    #[test]
    fn a_server_that_does_not_answer_is_given_up() {
        let mut bench = Bench::new(Role::Subscriber);

        let opening = bench.wait();
        bench.wait();
        bench.signal.handle_opened(bench.now);
        let greeting = bench.wait();

        assert_eq!((opening, greeting), (20_000, 5000));
    }

    #[test]
    fn a_broken_media_connection_makes_a_resume_a_full_reconnect() {
        let mut bench = Bench::joined();
        bench.close();
        bench.outline();

        bench.signal.handle_media_failed(bench.now, "DTLS".into());
        bench.signal.handle_media_failed(bench.now, "DTLS again".into());

        assert_eq!(bench.outline(), ["dial to join"]);
    }

    #[test]
    fn stalled_media_is_answered_by_one_resume() {
        let mut bench = Bench::joined();

        bench.signal.handle_media_stalled(bench.now);
        bench.signal.handle_media_stalled(bench.now);

        assert_eq!(bench.outline(), ["reconnecting", "dial to resume"]);
    }

    #[test]
    fn leaving_says_good_bye_once() {
        let mut bench = Bench::joined();

        bench.signal.leave();
        bench.signal.leave();
        bench.close();

        assert_eq!(bench.outline(), ["send leave", "hang up", "left: we left"]);
    }

    #[test]
    fn a_publisher_that_lost_its_session_is_done() {
        let mut bench = Bench::new(Role::Publisher);
        let livekit_protocol::signal_response::Message::Join(mut joined) = join("RM_1", &[]) else {
            unreachable!()
        };
        joined.subscriber_primary = false;
        bench.accept(livekit_protocol::signal_response::Message::Join(joined));
        bench.outline();

        bench.say(leave(Action::Reconnect));

        assert_eq!(bench.outline().last().unwrap(), "left: disconnected: unknown reason");
    }
}
