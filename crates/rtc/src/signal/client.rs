//! The signalling connection: its state, what it takes in, and when it wants to be woken.
//!
//! After every call read `poll_output` until it gives nothing, then wait for `deadline`.

mod messages;

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use livekit_protocol::{SessionDescription, TrackPublishedResponse, signal_request::Message as Request};
use secrecy::SecretString;

use super::{
    backoff::Jitter,
    events::{DialError, Limits, Output, Own, Role, SignalEvent},
    keep_alive::KeepAlive,
    participants::Participants,
    recovery::dial_timeout,
    subscriptions::Subscriptions,
    url::Attempt,
};
use crate::error::{BoxError, JoinError, LeaveReason, SubscriptionError};

/// From the upgrade to the first message, which is there at once.
const GREETING_TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(crate) struct Signal {
    pub(super) role: Role,
    pub(super) limits: Limits,
    pub(super) jitter: Jitter,
    pub(super) state: State,
    pub(super) tries: u32,
    /// Since when there has been no session at all.
    pub(super) restarting_since: Option<Instant>,
    pub(super) lost_at: Instant,
    pub(super) last_media: Instant,
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
    pub(super) outputs: VecDeque<Output>,
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
                let limit = dial_timeout(attempt);
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

    /// Says good-bye if there is a session.
    pub fn leave(&mut self) {
        self.end(LeaveReason::Asked);
    }

    /// Drops the WebSocket without a word, as a broken network does.
    pub fn drop_signal(&mut self, now: Instant) {
        self.handle_closed(now, "dropped by ourselves".into());
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
