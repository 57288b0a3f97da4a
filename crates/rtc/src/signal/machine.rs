//! The signalling connection's life: dial, join, keep alive, resume, start anew, end.
//!
//! After every call read `poll_output` until it gives nothing, then wait for `deadline`.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use livekit_protocol::{
    DisconnectReason, LeaveRequest, SessionDescription, TrackInfo as PublishedTrack, TrackPublishedResponse,
    TrickleRequest, signal_request::Message as Request,
};
use secrecy::SecretString;

use super::{
    backoff::{Jitter, restart_wait, resume_wait},
    keep_alive::KeepAlive,
    leave::Reaction,
    participants::{Participants, TrackChange},
    subscriptions::Subscriptions,
    url::Attempt,
};
use crate::error::{BoxError, JoinError, LeaveReason, SubscriptionError};

/// Opening the WebSocket for a join: the server tries up to three times, 3 + 4 + 5 s, before it upgrades.
const JOIN_TIMEOUT: Duration = Duration::from_secs(20);
/// The same for a resume, for which the server waits once.
const RESUME_TIMEOUT: Duration = Duration::from_secs(7);
/// From the upgrade to the first message, which is there at once.
const GREETING_TIMEOUT: Duration = Duration::from_secs(5);
/// Resumes go on for as long as media does; without media for this time the server has given us up.
const MEDIA_GONE: Duration = Duration::from_secs(15);
/// Tries of the first join while the trouble may pass; its caller knows better than we how long to insist.
const FIRST_JOIN_TRIES: u32 = 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// The server makes the offers. Comes back by full reconnect.
    Subscriber,
    /// We make the offers. Resumes; a session that is lost as a whole is over.
    Publisher,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub reconnect_for: Duration,
    /// Of the jitter.
    pub seed: u64,
}

/// Who we are in the room.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Own {
    pub room_sid: String,
    pub sid: String,
    pub identity: String,
}

#[derive(Debug)]
pub(crate) enum Output {
    /// Open a WebSocket; takes the place of the one before.
    Dial(Dial),
    Send(Request),
    /// Close the WebSocket when everything is sent.
    Hangup,
    Event(SignalEvent),
}

#[derive(Debug)]
pub(crate) struct Dial {
    pub attempt: Attempt,
    /// The newest token that the server gave; without one a new one is to be made.
    pub token: Option<SecretString>,
}

#[derive(Debug)]
pub(crate) enum DialError {
    Refused { status: u16, text: String },
    Unreachable(BoxError),
}

#[derive(Debug)]
pub(crate) enum SignalEvent {
    /// A session has begun and needs a new media connection; an earlier one is void.
    Joined(Own),
    Reconnecting,
    Resumed,
    Offer(SessionDescription),
    Answer(SessionDescription),
    Trickle(TrickleRequest),
    Track(TrackChange),
    SubscriptionFailed {
        sid: String,
        error: SubscriptionError,
    },
    Published {
        cid: String,
        track: PublishedTrack,
    },
    RequestFailed {
        text: String,
    },
    /// The first join failed; nothing follows.
    Failed(JoinError),
    /// Nothing follows.
    Left(LeaveReason),
}

#[derive(Debug)]
pub(crate) struct Signal {
    pub(super) role: Role,
    limits: Limits,
    jitter: Jitter,
    pub(super) state: State,
    tries: u32,
    /// Since when there has been no session at all.
    restarting_since: Option<Instant>,
    lost_at: Instant,
    last_media: Instant,
    /// Empty before the first join.
    pub(super) own: Own,
    pub(super) token: Option<SecretString>,
    pub(super) keep_alive: KeepAlive,
    pub(super) participants: Participants,
    /// The next list of participants names everybody.
    pub(super) expects_full_list: bool,
    pub(super) subscriptions: Subscriptions,
    pub(super) last_offer: Option<SessionDescription>,
    last_answer: Option<SessionDescription>,
    pub(super) published: Vec<TrackPublishedResponse>,
    outputs: VecDeque<Output>,
    /// Events of a session whose room has no sid yet.
    held: Vec<SignalEvent>,
}

#[derive(Debug)]
pub(super) enum State {
    Dialing {
        attempt: Attempt,
        deadline: Instant,
    },
    /// The WebSocket is open, the first message awaited.
    Greeting {
        attempt: Attempt,
        deadline: Instant,
    },
    /// Joined, but the room's sid is not known yet.
    Nameless,
    Up,
    Waiting {
        attempt: Attempt,
        until: Instant,
    },
    Over,
}

impl Signal {
    pub fn new(now: Instant, role: Role, limits: Limits) -> Self {
        let mut signal = Self {
            role,
            limits,
            jitter: Jitter::new(limits.seed),
            state: State::Over,
            tries: 0,
            restarting_since: None,
            lost_at: now,
            last_media: now,
            own: Own::default(),
            token: None,
            keep_alive: KeepAlive::new(now),
            participants: Participants::default(),
            expects_full_list: false,
            subscriptions: Subscriptions::default(),
            last_offer: None,
            last_answer: None,
            published: Vec::new(),
            outputs: VecDeque::new(),
            held: Vec::new(),
        };
        signal.dial(now, Attempt::Join);
        signal
    }

    pub fn handle_opened(&mut self, now: Instant) {
        if let State::Dialing { attempt, .. } = &self.state {
            self.state = State::Greeting {
                attempt: attempt.clone(),
                deadline: now + GREETING_TIMEOUT,
            };
            self.keep_alive.restart(now);
        }
    }

    pub fn handle_dial_failed(&mut self, now: Instant, error: DialError) {
        if matches!(self.state, State::Dialing { .. }) {
            self.fail(now, error.into());
        }
    }

    /// The WebSocket closed or broke.
    pub fn handle_closed(&mut self, now: Instant, cause: BoxError) {
        match self.state {
            State::Dialing { .. } | State::Greeting { .. } | State::Nameless => {
                self.fail(now, JoinError::Unreachable(cause));
            }
            State::Up => {
                tracing::info!(%cause, "the signalling connection is lost, resuming");
                self.resume(now);
            }
            State::Waiting { .. } | State::Over => {}
        }
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        match &self.state {
            State::Dialing { attempt, deadline } | State::Greeting { attempt, deadline } if now >= *deadline => {
                let limit = if *attempt == Attempt::Join {
                    JOIN_TIMEOUT
                } else {
                    RESUME_TIMEOUT
                };
                self.fail(now, JoinError::TimedOut(limit));
            }
            State::Waiting { attempt, until } if now >= *until => self.dial(now, attempt.clone()),
            State::Nameless if self.keep_alive.is_lost(now) => {
                self.fail(now, JoinError::TimedOut(GREETING_TIMEOUT));
            }
            State::Up if self.keep_alive.is_lost(now) => {
                tracing::warn!("LiveKit is silent, resuming");
                self.resume(now);
            }
            State::Up | State::Nameless => self.tick(now),
            State::Dialing { .. } | State::Greeting { .. } | State::Waiting { .. } | State::Over => {}
        }
    }

    pub fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Dialing { deadline, .. } | State::Greeting { deadline, .. } => Some(*deadline),
            State::Waiting { until, .. } => Some(*until),
            State::Nameless => Some(self.keep_alive.deadline()),
            State::Up => Some(
                self.subscriptions
                    .deadline()
                    .map_or(self.keep_alive.deadline(), |subscription| {
                        subscription.min(self.keep_alive.deadline())
                    }),
            ),
            State::Over => None,
        }
    }

    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    pub fn subscribe(&mut self, now: Instant, sid: String) {
        self.subscriptions.subscribe(now, sid);
        self.send_subscriptions(now);
    }

    pub fn unsubscribe(&mut self, now: Instant, sid: &str) {
        self.subscriptions.unsubscribe(sid);
        self.send_subscriptions(now);
    }

    /// An offer names the track.
    pub fn track_bound(&mut self, sid: &str) {
        self.subscriptions.bound(sid);
    }

    /// The newest offer does not name the track any more.
    pub fn track_unbound(&mut self, now: Instant, sid: &str) {
        self.subscriptions.unbound(now, sid);
    }

    pub fn is_wanted(&self, sid: &str) -> bool {
        self.subscriptions.is_wanted(sid)
    }

    /// Whether the server lists the track as unmuted.
    pub fn is_unmuted(&self, sid: &str) -> bool {
        self.participants.track(sid).is_some_and(|track| !track.muted)
    }

    /// Answers the server's offer.
    pub fn answer(&mut self, offer: SessionDescription, sdp: String) {
        let answer = SessionDescription {
            r#type: "answer".into(),
            sdp,
            id: offer.id,
            ..Default::default()
        };
        self.last_offer = Some(offer);
        self.last_answer = Some(answer.clone());
        self.send(Request::Answer(answer));
    }

    /// Sends it if there is a session, and says so.
    pub fn send(&mut self, request: Request) -> bool {
        let up = matches!(self.state, State::Up);
        if up {
            self.outputs.push_back(Output::Send(request));
        }
        up
    }

    /// What a resume tells the server to be published still.
    pub fn set_published(&mut self, published: Vec<TrackPublishedResponse>) {
        self.published = published;
    }

    pub fn handle_media(&mut self, now: Instant) {
        self.last_media = now;
    }

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

    /// Says good-bye if there is a session.
    pub fn leave(&mut self) {
        self.end(LeaveReason::Asked);
    }

    /// Drops the WebSocket without a word, as a broken network does.
    pub fn drop_signal(&mut self, now: Instant) {
        self.handle_closed(now, "dropped by ourselves".into());
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

    pub(super) fn session_is_new(&mut self) {
        self.state = State::Nameless;
        self.held.clear();
        self.tries = 0;
        self.restarting_since = None;
        self.last_offer = None;
        self.last_answer = None;
    }

    pub(super) fn resumed(&mut self, now: Instant) {
        self.state = State::Up;
        self.tries = 0;
        self.expects_full_list = true;
        self.subscriptions.extend_deadlines(now);
        let sync = self.sync_state();
        self.send(Request::SyncState(sync));
        self.emit(SignalEvent::Resumed);
        self.send_subscriptions(now);
    }

    pub(super) fn send_subscriptions(&mut self, now: Instant) {
        while matches!(self.state, State::Up) {
            let Some(batch) = self.subscriptions.poll(now) else {
                return;
            };
            self.send(Request::Subscription(batch));
        }
    }

    /// Nothing is told of a session before it is known to be in the right room.
    pub(super) fn emit(&mut self, event: SignalEvent) {
        match self.state {
            State::Nameless => self.held.push(event),
            _ => self.outputs.push_back(Output::Event(event)),
        }
    }

    /// The room is the right one: the session begins, with all that was said since the join.
    pub(super) fn begin_session(&mut self, now: Instant) {
        self.state = State::Up;
        self.subscriptions.ask_anew(now);
        self.emit(SignalEvent::Joined(self.own.clone()));
        let held = std::mem::take(&mut self.held);
        self.outputs.extend(held.into_iter().map(Output::Event));
    }

    /// A room is known from the first session on.
    fn is_first_join(&self) -> bool {
        self.own.room_sid.is_empty()
    }

    fn dial(&mut self, now: Instant, attempt: Attempt) {
        let limit = if attempt == Attempt::Join {
            JOIN_TIMEOUT
        } else {
            RESUME_TIMEOUT
        };
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

    fn tick(&mut self, now: Instant) {
        if let Some(ping) = self.keep_alive.poll(now) {
            self.outputs.push_back(Output::Send(Request::PingReq(ping)));
        }
        if matches!(self.state, State::Up) {
            for sid in self.subscriptions.handle_timeout(now) {
                self.emit(SignalEvent::SubscriptionFailed {
                    sid,
                    error: SubscriptionError::TimedOut,
                });
            }
        }
        self.send_subscriptions(now);
    }

    fn sync_state(&self) -> livekit_protocol::SyncState {
        let wanted = livekit_protocol::UpdateSubscription {
            track_sids: self.subscriptions.wanted().cloned().collect(),
            subscribe: true,
            participant_tracks: Vec::new(),
        };
        livekit_protocol::SyncState {
            offer: self.last_offer.clone(),
            answer: self.last_answer.clone(),
            subscription: (self.role == Role::Subscriber).then_some(wanted),
            publish_tracks: self.published.clone(),
            ..Default::default()
        }
    }
}

impl From<DialError> for JoinError {
    fn from(error: DialError) -> Self {
        match error {
            DialError::Refused { status, text } => Self::Refused { status, text },
            DialError::Unreachable(cause) => Self::Unreachable(cause),
        }
    }
}

fn is_passing(status: u16) -> bool {
    status >= 500 || status == 429
}
