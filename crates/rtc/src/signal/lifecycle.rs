//! How the signalling connection is made, resumed and ended.
//!
//! It joins once. What a resume cannot repair ends it: whether the room still exists, and whether to join it again, is for
//! the caller to find out, because a join under the name of a room that is gone would create it again.

use std::time::{Duration, Instant};

use livekit_protocol::{DisconnectReason, LeaveRequest, signal_request::Message as Request};
use secrecy::SecretString;

use super::{
    attempt::ConnectAttempt,
    backoff::{Jitter, join_wait, resume_wait},
    events::{Dial, DialError, JoinPolicy, SignalEvent, SignalOutput},
    leave::Reaction,
    outbox::Outbox,
};
use crate::{
    error::{BoxError, JoinError, LeaveReason},
    ids::ParticipantSid,
};

/// From the upgrade to the first message, and from there to the room's sid, both of which the server sends at once.
const FIRST_MESSAGE_TIMEOUT: Duration = Duration::from_secs(5);
/// Resumes are attempted for as long as media arrives. After this time without media the server has dropped us.
const MEDIA_TIMEOUT: Duration = Duration::from_secs(15);
/// While a resume is put off, media that has not arrived for this long does not go on. Speakers who are silent send a
/// packet each 400 ms.
const MEDIA_GAP: Duration = Duration::from_millis(600);

/// The state of the signalling connection.
#[derive(Debug)]
pub(super) enum State {
    /// The WebSocket is being opened.
    Dialing { attempt: ConnectAttempt, deadline: Instant },
    /// The WebSocket is open; the first message decides whether we are in.
    AwaitingFirstMessage { attempt: ConnectAttempt, deadline: Instant },
    /// Joined, but the server has not named the room's sid yet.
    AwaitingRoomSid { deadline: Instant },
    /// Joined the right room.
    Joined,
    /// Waiting before the next attempt.
    BackingOff { attempt: ConnectAttempt, until: Instant },
    /// Signalling is lost. The resume is put off until then, or until media stops.
    Outlasting { until: Instant },
    /// Nothing follows.
    Closed,
}

/// Owns the state of the connection and everything that decides about the next attempt.
#[derive(Debug)]
pub(super) struct Lifecycle {
    policy: JoinPolicy,
    jitter: Jitter,
    state: State,
    /// Failed attempts in a row, of the current kind.
    failures: u32,
    lost_at: Instant,
    last_media: Instant,
    /// Whether media has ever arrived. Until then livekit-server drops us as soon as signalling is lost.
    has_media: bool,
    has_joined: bool,
    /// Ours, since the join.
    participant_sid: ParticipantSid,
    /// The newest that the server gave us, if any.
    token: Option<SecretString>,
}

impl Lifecycle {
    /// Begins to join.
    pub fn new(outbox: &mut Outbox, now: Instant, policy: JoinPolicy) -> Self {
        let mut lifecycle = Self {
            policy,
            jitter: Jitter::new(policy.jitter_seed),
            state: State::Closed,
            failures: 0,
            lost_at: now,
            last_media: now,
            has_media: false,
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
            State::Dialing { deadline, .. }
            | State::AwaitingFirstMessage { deadline, .. }
            | State::AwaitingRoomSid { deadline } => Some(*deadline),
            State::BackingOff { until, .. } => Some(*until),
            State::Outlasting { until } => Some((*until).min(self.lost_at.max(self.last_media) + MEDIA_GAP)),
            State::Joined | State::Closed => None,
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
            State::AwaitingRoomSid { deadline } if now >= *deadline => {
                self.handle_failure(outbox, now, JoinError::TimedOut(FIRST_MESSAGE_TIMEOUT));
            }
            State::BackingOff { attempt, until } if now >= *until => {
                let attempt = attempt.clone();
                self.dial(outbox, now, attempt);
            }
            State::Outlasting { .. } if self.deadline().is_some_and(|deadline| now >= deadline) => {
                self.resume(outbox, now)
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
            State::Dialing { .. } | State::AwaitingFirstMessage { .. } | State::AwaitingRoomSid { .. } => {
                self.handle_failure(outbox, now, JoinError::Unreachable(cause));
            }
            State::Joined => {
                tracing::info!(%cause, "the signalling connection is lost");
                self.outlast(outbox, now);
            }
            State::BackingOff { .. } | State::Outlasting { .. } | State::Closed => {}
        }
    }

    /// The server has not sent anything for too long.
    pub fn handle_silence(&mut self, outbox: &mut Outbox, now: Instant) {
        if self.is_joined() {
            tracing::warn!("LiveKit does not answer pings; resuming");
            self.resume(outbox, now);
        }
    }

    pub fn handle_token(&mut self, token: SecretString) {
        self.token = Some(token);
    }

    /// The server accepted a join under this sid.
    pub fn handle_join(&mut self, now: Instant, participant_sid: ParticipantSid) {
        self.state = State::AwaitingRoomSid {
            deadline: now + FIRST_MESSAGE_TIMEOUT,
        };
        self.participant_sid = participant_sid;
    }

    /// The server has named the room's sid.
    pub fn handle_room_confirmed(&mut self) {
        self.state = State::Joined;
        self.failures = 0;
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
            (_, true) => self.disconnect(outbox, "the resume was refused".into()),
            (_, false) => self.fail_join(outbox, now, cause),
        }
    }

    /// The server sent `leave` after it had accepted the join.
    pub fn handle_leave(&mut self, outbox: &mut Outbox, now: Instant, reaction: Reaction) {
        match reaction {
            Reaction::End(reason) => self.end(outbox, reason),
            // There is nothing to resume before the join is complete.
            Reaction::Resume if !self.is_joined() => self.fail_join(outbox, now, "resume requested".into()),
            Reaction::Resume => self.resume(outbox, now),
            Reaction::Rejoin { cause } if self.has_joined => self.disconnect(outbox, cause),
            Reaction::Rejoin { cause } => self.fail_join(outbox, now, cause),
        }
    }

    pub fn handle_media(&mut self, now: Instant) {
        self.last_media = now;
        self.has_media = true;
    }

    /// No media arrives although some should: a resume restarts ICE.
    pub fn handle_media_stalled(&mut self, outbox: &mut Outbox, now: Instant) {
        if matches!(self.state, State::Joined | State::Outlasting { .. }) {
            self.resume(outbox, now);
        }
    }

    /// The media connection cannot be repaired, for this reason, unless signalling is lost as well.
    pub fn handle_media_failed(&mut self, outbox: &mut Outbox, reason: LeaveReason) {
        if self.is_joined() {
            self.end(outbox, reason);
        } else if self.has_joined {
            self.disconnect(outbox, "neither signalling nor media are connected".into());
        }
    }

    /// An attempt to connect failed.
    pub fn handle_failure(&mut self, outbox: &mut Outbox, now: Instant, error: JoinError) {
        tracing::info!(%error, cause = ?std::error::Error::source(&error), "cannot connect to LiveKit");
        if self.is_resuming() {
            self.handle_resume_failure(outbox, now, &error);
        } else {
            self.handle_join_failure(outbox, now, error);
        }
    }

    /// Ends the connection. Sends `leave` if we have joined.
    pub fn end(&mut self, outbox: &mut Outbox, reason: LeaveReason) {
        if matches!(self.state, State::Closed) {
            return;
        }
        self.say_leave(outbox);
        self.state = State::Closed;
        outbox.push(SignalOutput::Hangup);
        outbox.emit(if self.has_joined {
            SignalEvent::Left(reason)
        } else {
            SignalEvent::JoinFailed(JoinError::Left(reason))
        });
    }

    /// Tells the server that we leave, if it has accepted us.
    fn say_leave(&self, outbox: &mut Outbox) {
        if matches!(self.state, State::Joined | State::AwaitingRoomSid { .. }) {
            outbox.push(SignalOutput::Send(Request::Leave(LeaveRequest {
                reason: DisconnectReason::ClientInitiated as i32,
                ..Default::default()
            })));
        }
    }

    /// Puts off the resume for as long as the policy says.
    fn outlast(&mut self, outbox: &mut Outbox, now: Instant) {
        if self.policy.resume_after.is_zero() || !self.has_media {
            return self.resume(outbox, now);
        }
        self.lost_at = now;
        let until = now + self.policy.resume_after;
        self.state = State::Outlasting { until };
        outbox.push(SignalOutput::Hangup);
        outbox.emit(SignalEvent::Reconnecting);
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

    /// Ends the connection because a resume cannot restore it.
    fn disconnect(&mut self, outbox: &mut Outbox, cause: String) {
        tracing::warn!(cause, "the connection to the room is lost");
        self.end(outbox, LeaveReason::Disconnected { cause });
    }

    fn fail_join(&mut self, outbox: &mut Outbox, now: Instant, cause: String) {
        let reason = LeaveReason::Disconnected { cause };
        self.handle_failure(outbox, now, JoinError::Left(reason));
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
            return self.disconnect(outbox, error.to_string());
        }
        outbox.push(SignalOutput::Hangup);
        self.failures += 1;
        let participant_sid = self.participant_sid.clone();
        self.back_off(
            now + resume_wait(self.failures),
            ConnectAttempt::Resume { participant_sid },
        );
    }

    fn handle_join_failure(&mut self, outbox: &mut Outbox, now: Instant, error: JoinError) {
        self.say_leave(outbox);
        outbox.push(SignalOutput::Hangup);
        self.failures += 1;
        if !error.is_transient() || self.failures >= self.policy.attempts {
            self.state = State::Closed;
            return outbox.emit(SignalEvent::JoinFailed(error));
        }
        let wait = join_wait(self.failures, &mut self.jitter);
        self.back_off(now + wait, ConnectAttempt::Join);
    }
}

#[cfg(test)]
mod tests {
    use livekit_protocol::leave_request::Action;

    use super::*;
    use crate::signal::{
        Role,
        testing::{Harness, join, leave, resumed},
    };

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
    fn a_resume_is_put_off_while_media_goes_on() {
        let mut harness = Harness::joined_and_resuming_after(Duration::from_secs(30));
        harness.signal.handle_media(harness.now);
        harness.close();

        let waits: Vec<_> = (0..3)
            .map(|_| {
                harness.now += Duration::from_millis(100);
                harness.signal.handle_media(harness.now);
                harness.signal.handle_timeout(harness.now);
                harness.outline().join(", ")
            })
            .collect();
        let wait = harness.wait();

        assert_eq!(waits, ["hang up, reconnecting", "", ""]);
        assert_eq!((wait, harness.outline()), (600, vec!["dial to resume".to_owned()]));
    }

    #[test]
    fn a_resume_is_not_put_off_for_ever_nor_before_media_has_arrived() {
        let mut never = Harness::joined_and_resuming_after(Duration::from_secs(30));
        let mut long = Harness::joined_and_resuming_after(Duration::from_secs(30));

        never.close();
        long.signal.handle_media(long.now);
        long.close();
        long.outline();
        for _ in 0..299 {
            long.now += Duration::from_millis(100);
            long.signal.handle_media(long.now);
            long.signal.handle_timeout(long.now);
        }
        let before = long.outline();
        long.now += Duration::from_millis(100);
        long.signal.handle_timeout(long.now);

        assert_eq!(never.outline(), ["reconnecting", "dial to resume"]);
        assert!(before.is_empty());
        assert_eq!(long.outline(), ["dial to resume"]);
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

        assert_eq!(waits, [100, 200, 400, 800, 1000, 1000]);
        assert!(!harness.outline().iter().any(|output| output.starts_with("left")));
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
    fn resumes_end_after_15_s_without_media() {
        let mut harness = Harness::joined();
        harness.close();
        harness.outline();

        harness.advance(15);
        harness.refuse(503);

        let expected = "left: disconnected: LiveKit refused the connection with status 503: no";
        assert_eq!(harness.outline(), ["hang up", expected]);
    }

    #[test]
    fn a_refused_resume_ends_the_connection() {
        for refusal in [None, Some(Action::Reconnect), Some(Action::Resume)] {
            let mut harness = Harness::joined();
            harness.close();
            harness.outline();

            match refusal {
                None => harness.refuse(404),
                Some(action) => harness.accept(leave(action)),
            }

            let outline = harness.outline();
            assert!(outline[1].starts_with("left: disconnected: "), "{outline:?}");
        }
    }

    #[test]
    fn a_resume_uses_the_newest_token() {
        let mut harness = Harness::joined();
        harness.receive(livekit_protocol::signal_response::Message::RefreshToken("fresh".into()));

        harness.close();

        let resume = harness.outputs().pop().unwrap();
        assert!(matches!(resume, SignalOutput::Dial(Dial { token: Some(_), .. })));
    }

    #[test]
    fn a_server_that_wants_a_new_join_ends_the_connection_because_the_room_may_be_gone() {
        let mut harness = Harness::joined();

        harness.receive(leave(Action::Reconnect));
        harness.accept(join("RM_2", &["TR_9"]));

        assert_eq!(
            harness.outline(),
            ["send leave", "hang up", "left: disconnected: unknown reason"]
        );
    }

    #[test]
    fn a_join_is_attempted_three_times_if_failures_are_transient() {
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
    fn a_join_that_is_refused_fails_at_once() {
        let mut harness = Harness::new(Role::Subscriber);

        harness.refuse(401);

        assert_eq!(harness.outline().len(), 3, "dial, hang up, failed");
    }

    #[test]
    fn a_join_without_the_rooms_sid_is_made_again_and_reports_all_tracks() {
        for interruption in [Some(Action::Resume), Some(Action::Reconnect), None] {
            let mut harness = Harness::new(Role::Subscriber);
            harness.accept(join("", &["TR_1"]));

            match interruption {
                Some(action) => harness.receive(leave(action)),
                None => assert_eq!(harness.wait(), 5000),
            }
            harness.wait();
            harness.accept(join("RM_1", &["TR_1"]));

            assert_eq!(
                harness.outline(),
                [
                    "dial to join",
                    "send leave",
                    "hang up",
                    "dial to join",
                    "joined RM_1",
                    "published TR_1",
                    "listed"
                ],
                "{interruption:?}"
            );
        }
    }

    #[test]
    fn joins_that_never_name_the_room_fail_in_the_end() {
        let mut harness = Harness::new(Role::Subscriber);

        for _ in 0..2 {
            harness.accept(join("", &[]));
            harness.wait();
            harness.wait();
        }
        harness.accept(join("", &[]));
        harness.wait();

        assert_eq!(
            harness.outline().last().unwrap(),
            "failed: LiveKit did not answer within 5 s"
        );
        assert_eq!(harness.signal.deadline(), None);
    }

    #[test]
    fn a_failed_media_connection_ends_the_connection_once() {
        let mut harness = Harness::joined();

        harness.signal.handle_media_failed(LeaveReason::MediaUnreachable);
        harness.signal.handle_media_failed(LeaveReason::MediaUnreachable);

        let expected = "left: cannot reach the media server over UDP or TCP";
        assert_eq!(harness.outline(), ["send leave", "hang up", expected]);
    }

    #[test]
    fn media_is_not_blamed_while_signalling_is_lost_too() {
        let mut harness = Harness::joined();
        harness.close();
        harness.outline();

        harness.signal.handle_media_failed(LeaveReason::MediaUnreachable);

        let expected = "left: disconnected: neither signalling nor media are connected";
        assert_eq!(harness.outline(), ["hang up", expected]);
    }
}
