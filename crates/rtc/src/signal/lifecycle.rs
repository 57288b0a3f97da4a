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
/// Attempts of the first join while failures are transient. The caller decides whether to try again.
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
    use crate::signal::testing::{Harness, join, leave, resumed};

    #[test]
    fn a_lost_websocket_is_resumed_at_once() {
        let mut harness = Harness::joined();

        harness.close();
        harness.accept(resumed());

        assert_eq!(
            harness.outline(),
            ["reconnecting", "dial to resume", "send sync state", "resumed"]
        );
    }

    #[test]
    fn resumes_are_repeated_with_growing_waits_while_media_flows() {
        let mut harness = Harness::joined();
        harness.close();

        let waits: Vec<_> = (0..6)
            .map(|_| {
                harness.refuse(503);
                harness.signal.handle_media(harness.now);
                harness.wait()
            })
            .collect();

        assert_eq!(waits, [300, 1200, 2700, 4800, 7000, 7000]);
        assert!(
            harness
                .outline()
                .iter()
                .filter(|output| *output == "dial to join")
                .count()
                == 0
        );
    }

    #[test]
    fn a_resume_becomes_a_full_reconnect_after_15_s_without_media() {
        let mut harness = Harness::joined();
        harness.close();
        harness.outline();

        harness.advance(15);
        harness.refuse(503);

        assert_eq!(harness.outline(), ["hang up", "dial to join"]);
    }

    #[test]
    fn a_refused_resume_leads_to_a_full_reconnect_with_a_new_token() {
        for refusal in [None, Some(Action::Reconnect), Some(Action::Resume)] {
            let mut harness = Harness::joined();
            harness.receive(livekit_protocol::signal_response::Message::RefreshToken("fresh".into()));
            harness.close();
            let resume = harness.outputs().pop().unwrap();

            match refusal {
                None => harness.refuse(404),
                Some(action) => harness.accept(leave(action)),
            }
            let restart = harness.outputs().pop().unwrap();

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
    fn a_full_reconnect_to_the_same_room_keeps_subscriptions() {
        let mut harness = Harness::joined();
        harness.signal.subscribe(harness.now, "TR_1".into());
        harness.outline();

        harness.receive(leave(Action::Reconnect));
        harness.accept(join("RM_1", &["TR_1"]));

        assert_eq!(
            harness.outline(),
            [
                "reconnecting",
                "dial to join",
                "joined RM_1",
                "published TR_1",
                "listed",
                "subscribe TR_1"
            ]
        );
    }

    #[test]
    fn a_recreated_room_is_left() {
        let mut harness = Harness::joined();

        harness.receive(leave(Action::Reconnect));
        harness.accept(join("RM_2", &["TR_9"]));

        assert_eq!(
            harness.outline(),
            [
                "reconnecting",
                "dial to join",
                "send leave",
                "hang up",
                "left: room RM_1 was replaced by room RM_2 of the same name"
            ]
        );
    }

    #[test]
    fn full_reconnects_end_after_the_timeout() {
        let mut harness = Harness::joined();
        let start = harness.now;
        harness.receive(leave(Action::Reconnect));

        while harness.signal.deadline().is_some() {
            harness.refuse(503);
            if harness.signal.deadline().is_some() {
                harness.wait();
            }
        }

        assert_eq!(harness.outline().pop().unwrap(), "left: cannot reconnect within 60 s");
        assert_eq!(harness.now.duration_since(start), Duration::from_secs(60));
    }

    #[test]
    fn a_refused_full_reconnect_is_final() {
        let mut harness = Harness::joined();
        harness.receive(leave(Action::Reconnect));

        harness.refuse(401);

        assert_eq!(
            harness.outline().pop().unwrap(),
            "left: LiveKit refused a reconnect with status 401: no"
        );
    }

    #[test]
    fn a_first_join_is_attempted_three_times_if_failures_are_transient() {
        let mut harness = Harness::new(Role::Subscriber);

        for _ in 0..2 {
            harness.refuse(503);
            harness.wait();
        }
        harness.refuse(503);

        let outline = harness.outline();
        assert_eq!(outline.iter().filter(|output| *output == "dial to join").count(), 3);
        assert_eq!(
            outline.last().unwrap(),
            "failed: LiveKit refused the connection with status 503: no"
        );
        assert_eq!(harness.signal.deadline(), None);
    }

    #[test]
    fn a_first_join_that_is_refused_fails_at_once() {
        let mut harness = Harness::new(Role::Subscriber);

        harness.refuse(401);

        assert_eq!(harness.outline().len(), 3, "dial, hang up, failed");
    }

    #[test]
    fn a_server_that_does_not_answer_times_out() {
        let mut harness = Harness::new(Role::Subscriber);

        let opening = harness.wait();
        harness.wait();
        harness.signal.handle_opened(harness.now);
        let greeting = harness.wait();

        assert_eq!((opening, greeting), (20_000, 5000));
    }

    #[test]
    fn a_failed_media_connection_turns_a_resume_into_a_full_reconnect() {
        let mut harness = Harness::joined();
        harness.close();
        harness.outline();

        harness.signal.handle_media_failed(harness.now, "DTLS".into());
        harness.signal.handle_media_failed(harness.now, "DTLS again".into());

        assert_eq!(harness.outline(), ["dial to join"]);
    }

    #[test]
    fn stalled_media_causes_one_resume() {
        let mut harness = Harness::joined();

        harness.signal.handle_media_stalled(harness.now);
        harness.signal.handle_media_stalled(harness.now);

        assert_eq!(harness.outline(), ["reconnecting", "dial to resume"]);
    }

    #[test]
    fn leaving_tells_the_server_once() {
        let mut harness = Harness::joined();

        harness.signal.leave();
        harness.signal.leave();
        harness.close();

        assert_eq!(harness.outline(), ["send leave", "hang up", "left: we left the room"]);
    }

    #[test]
    fn a_publisher_does_not_join_again() {
        let mut harness = Harness::new(Role::Publisher);
        let livekit_protocol::signal_response::Message::Join(mut joined) = join("RM_1", &[]) else {
            unreachable!()
        };
        joined.subscriber_primary = false;
        harness.accept(livekit_protocol::signal_response::Message::Join(joined));
        harness.outline();

        harness.receive(leave(Action::Reconnect));

        assert_eq!(harness.outline().last().unwrap(), "left: disconnected: unknown reason");
    }
}
