//! How the signalling connection is made, resumed, replaced and ended.

use std::time::{Duration, Instant};

use livekit_protocol::{DisconnectReason, LeaveRequest, signal_request::Message as Request};
use secrecy::SecretString;

use super::{
    attempt::ConnectAttempt,
    backoff::{Jitter, restart_wait, resume_wait},
    events::{Dial, DialError, ReconnectPolicy, Role, SignalEvent, SignalOutput},
    leave::Reaction,
    outbox::Outbox,
};
use crate::{
    error::{BoxError, JoinError, LeaveReason},
    ids::ParticipantSid,
};

/// From the upgrade to the first message, which the server sends at once.
const FIRST_MESSAGE_TIMEOUT: Duration = Duration::from_secs(5);
/// Resumes are attempted for as long as media arrives. After this time without media the server has dropped us.
const MEDIA_TIMEOUT: Duration = Duration::from_secs(15);
/// Attempts of the first join while failures are transient. The caller knows better than we how long to go on.
const FIRST_JOIN_ATTEMPTS: u32 = 3;

/// The state of the signalling connection.
#[derive(Debug)]
pub(super) enum State {
    /// The WebSocket is being opened.
    Dialing { attempt: ConnectAttempt, deadline: Instant },
    /// The WebSocket is open; the first message decides whether we are in.
    AwaitingFirstMessage { attempt: ConnectAttempt, deadline: Instant },
    /// Joined, but the server has not named the room's sid yet.
    AwaitingRoomSid,
    /// Joined the right room.
    Joined,
    /// Waiting before the next attempt.
    BackingOff { attempt: ConnectAttempt, until: Instant },
    /// Nothing follows.
    Closed,
}

/// Owns the state of the connection and everything that decides about the next attempt.
#[derive(Debug)]
pub(super) struct Lifecycle {
    role: Role,
    policy: ReconnectPolicy,
    jitter: Jitter,
    state: State,
    /// Failed attempts in a row, of the current kind.
    failures: u32,
    /// When the full reconnect began, if one is in progress.
    restarting_since: Option<Instant>,
    lost_at: Instant,
    last_media: Instant,
    has_joined: bool,
    /// Ours, since the last join.
    participant_sid: ParticipantSid,
    /// The newest that the server gave us, if any.
    token: Option<SecretString>,
}

impl Lifecycle {
    /// Begins with the first join.
    pub fn new(outbox: &mut Outbox, now: Instant, role: Role, policy: ReconnectPolicy) -> Self {
        let mut lifecycle = Self {
            role,
            policy,
            jitter: Jitter::new(policy.jitter_seed),
            state: State::Closed,
            failures: 0,
            restarting_since: None,
            lost_at: now,
            last_media: now,
            has_joined: false,
            participant_sid: ParticipantSid::default(),
            token: None,
        };
        lifecycle.dial(outbox, now, ConnectAttempt::Join);
        lifecycle
    }

    pub fn state(&self) -> &State {
        &self.state
    }

    pub fn is_joined(&self) -> bool {
        matches!(self.state, State::Joined)
    }

    /// Returns when to call [`Self::handle_timeout`].
    pub fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Dialing { deadline, .. } | State::AwaitingFirstMessage { deadline, .. } => Some(*deadline),
            State::BackingOff { until, .. } => Some(*until),
            State::AwaitingRoomSid | State::Joined | State::Closed => None,
        }
    }

    pub fn handle_timeout(&mut self, outbox: &mut Outbox, now: Instant) {
        match &self.state {
            State::Dialing { attempt, deadline } | State::AwaitingFirstMessage { attempt, deadline }
                if now >= *deadline =>
            {
                let timeout = attempt.dial_timeout();
                self.handle_failure(outbox, now, JoinError::TimedOut(timeout));
            }
            State::BackingOff { attempt, until } if now >= *until => {
                let attempt = attempt.clone();
                self.dial(outbox, now, attempt);
            }
            _ => {}
        }
    }

    /// The WebSocket is open. Returns whether it was being waited for.
    pub fn handle_opened(&mut self, now: Instant) -> bool {
        let State::Dialing { attempt, .. } = &self.state else {
            return false;
        };
        self.state = State::AwaitingFirstMessage {
            attempt: attempt.clone(),
            deadline: now + FIRST_MESSAGE_TIMEOUT,
        };
        true
    }

    pub fn handle_dial_failed(&mut self, outbox: &mut Outbox, now: Instant, error: DialError) {
        if matches!(self.state, State::Dialing { .. }) {
            self.handle_failure(outbox, now, error.into());
        }
    }

    /// The WebSocket closed or broke.
    pub fn handle_closed(&mut self, outbox: &mut Outbox, now: Instant, cause: BoxError) {
        match self.state {
            State::Dialing { .. } | State::AwaitingFirstMessage { .. } | State::AwaitingRoomSid => {
                self.handle_failure(outbox, now, JoinError::Unreachable(cause));
            }
            State::Joined => {
                tracing::info!(%cause, "the signalling connection is lost; resuming");
                self.resume(outbox, now);
            }
            State::BackingOff { .. } | State::Closed => {}
        }
    }

    /// The server has not sent anything for too long.
    pub fn handle_silence(&mut self, outbox: &mut Outbox, now: Instant) {
        match self.state {
            State::AwaitingRoomSid => {
                self.handle_failure(outbox, now, JoinError::TimedOut(FIRST_MESSAGE_TIMEOUT));
            }
            State::Joined => {
                tracing::warn!("LiveKit does not answer pings; resuming");
                self.resume(outbox, now);
            }
            _ => {}
        }
    }

    pub fn handle_token(&mut self, token: SecretString) {
        self.token = Some(token);
    }

    /// The server accepted a join under this sid.
    pub fn handle_join(&mut self, participant_sid: ParticipantSid) {
        self.state = State::AwaitingRoomSid;
        self.failures = 0;
        self.restarting_since = None;
        self.participant_sid = participant_sid;
    }

    /// The room that we joined is the right one.
    pub fn handle_room_confirmed(&mut self) {
        self.state = State::Joined;
        self.has_joined = true;
    }

    /// The server accepted a resume.
    pub fn handle_resumed(&mut self) {
        self.state = State::Joined;
        self.failures = 0;
    }

    /// The server answered the attempt with `leave`.
    pub fn handle_refusal(&mut self, outbox: &mut Outbox, now: Instant, reaction: Reaction, cause: String) {
        match (reaction, self.is_resuming()) {
            (Reaction::End(reason), _) => self.end(outbox, reason),
            (_, true) => self.restart(outbox, now, "the resume was refused".into()),
            (_, false) => {
                let reason = LeaveReason::Disconnected { cause };
                self.handle_failure(outbox, now, JoinError::Left(reason));
            }
        }
    }

    /// The server sent `leave` after we had joined.
    pub fn handle_leave(&mut self, outbox: &mut Outbox, now: Instant, reaction: Reaction) {
        match reaction {
            Reaction::End(reason) => self.end(outbox, reason),
            Reaction::Resume => self.resume(outbox, now),
            Reaction::Restart { cause } => self.restart(outbox, now, cause),
        }
    }

    pub fn handle_media(&mut self, now: Instant) {
        self.last_media = now;
    }

    /// No media arrives although some should: a resume restarts ICE.
    pub fn handle_media_stalled(&mut self, outbox: &mut Outbox, now: Instant) {
        if self.is_joined() {
            self.resume(outbox, now);
        }
    }

    /// The media connection cannot be repaired.
    pub fn handle_media_failed(&mut self, outbox: &mut Outbox, now: Instant, cause: String) {
        match &self.state {
            // A join brings a new media connection anyway.
            State::Dialing { attempt, .. }
            | State::AwaitingFirstMessage { attempt, .. }
            | State::BackingOff { attempt, .. }
                if *attempt == ConnectAttempt::Join => {}
            State::AwaitingRoomSid | State::Closed => {}
            _ => self.restart(outbox, now, cause),
        }
    }

    /// An attempt to connect failed.
    pub fn handle_failure(&mut self, outbox: &mut Outbox, now: Instant, error: JoinError) {
        outbox.push(SignalOutput::Hangup);
        tracing::info!(%error, cause = ?std::error::Error::source(&error), "cannot connect to LiveKit");
        if self.is_resuming() {
            self.handle_resume_failure(outbox, now, &error);
        } else if self.has_joined {
            self.handle_restart_failure(outbox, now, error);
        } else {
            self.handle_first_join_failure(outbox, now, error);
        }
    }

    /// Ends the connection. Sends `leave` if we have joined.
    pub fn end(&mut self, outbox: &mut Outbox, reason: LeaveReason) {
        if matches!(self.state, State::Closed) {
            return;
        }
        if matches!(self.state, State::Joined | State::AwaitingRoomSid) {
            outbox.push(SignalOutput::Send(Request::Leave(LeaveRequest {
                reason: DisconnectReason::ClientInitiated as i32,
                ..Default::default()
            })));
        }
        self.state = State::Closed;
        outbox.push(SignalOutput::Hangup);
        outbox.emit(if self.has_joined {
            SignalEvent::Left(reason)
        } else {
            SignalEvent::JoinFailed(JoinError::Left(reason))
        });
    }

    /// Continues on a new WebSocket. Media goes on meanwhile.
    fn resume(&mut self, outbox: &mut Outbox, now: Instant) {
        self.lost_at = now;
        self.failures = 0;
        if self.is_joined() {
            outbox.emit(SignalEvent::Reconnecting);
        }
        let participant_sid = self.participant_sid.clone();
        self.dial(outbox, now, ConnectAttempt::Resume { participant_sid });
    }

    /// Joins again, with a new media connection (LiveKit's "full reconnect").
    fn restart(&mut self, outbox: &mut Outbox, now: Instant, cause: String) {
        if self.role == Role::Publisher {
            return self.end(outbox, LeaveReason::Disconnected { cause });
        }
        tracing::warn!(cause, "the connection to the room is lost; joining again");
        if self.is_joined() {
            outbox.emit(SignalEvent::Reconnecting);
        }
        self.restarting_since.get_or_insert(now);
        self.failures = 0;
        self.token = None;
        self.dial(outbox, now, ConnectAttempt::Join);
    }

    fn is_resuming(&self) -> bool {
        match &self.state {
            State::Dialing { attempt, .. } | State::AwaitingFirstMessage { attempt, .. } => {
                *attempt != ConnectAttempt::Join
            }
            _ => false,
        }
    }

    fn dial(&mut self, outbox: &mut Outbox, now: Instant, attempt: ConnectAttempt) {
        self.state = State::Dialing {
            attempt: attempt.clone(),
            deadline: now + attempt.dial_timeout(),
        };
        outbox.push(SignalOutput::Dial(Dial {
            attempt,
            token: self.token.clone(),
        }));
    }

    fn back_off(&mut self, until: Instant, attempt: ConnectAttempt) {
        self.state = State::BackingOff { attempt, until };
    }

    fn handle_resume_failure(&mut self, outbox: &mut Outbox, now: Instant, error: &JoinError) {
        let without_media = now.duration_since(self.lost_at.max(self.last_media));
        if without_media >= MEDIA_TIMEOUT || !error.is_transient() {
            return self.restart(outbox, now, error.to_string());
        }
        self.failures += 1;
        let participant_sid = self.participant_sid.clone();
        self.back_off(
            now + resume_wait(self.failures),
            ConnectAttempt::Resume { participant_sid },
        );
    }

    fn handle_first_join_failure(&mut self, outbox: &mut Outbox, now: Instant, error: JoinError) {
        self.failures += 1;
        if !error.is_transient() || self.failures >= FIRST_JOIN_ATTEMPTS {
            self.state = State::Closed;
            return outbox.emit(SignalEvent::JoinFailed(error));
        }
        let wait = restart_wait(self.failures, &mut self.jitter);
        self.back_off(now + wait, ConnectAttempt::Join);
    }

    fn handle_restart_failure(&mut self, outbox: &mut Outbox, now: Instant, error: JoinError) {
        let since = *self.restarting_since.get_or_insert(now);
        match error {
            JoinError::Refused { status, text } if !is_transient(status) => {
                return self.end(outbox, LeaveReason::Refused { status, text });
            }
            JoinError::Left(reason) if !matches!(reason, LeaveReason::Disconnected { .. }) => {
                return self.end(outbox, reason);
            }
            JoinError::WrongGrants => return self.end(outbox, LeaveReason::Removed),
            _ => {}
        }
        let timeout = self.policy.timeout;
        if now.duration_since(since) >= timeout {
            return self.end(outbox, LeaveReason::ReconnectTimedOut(timeout));
        }
        self.failures += 1;
        let until = now + restart_wait(self.failures, &mut self.jitter);
        self.back_off(until.min(since + timeout), ConnectAttempt::Join);
    }
}

fn is_transient(status: u16) -> bool {
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

            assert!(matches!(resume, SignalOutput::Dial(Dial { token: Some(_), .. })));
            assert!(matches!(
                restart,
                SignalOutput::Dial(Dial {
                    attempt: ConnectAttempt::Join,
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
