//! The signalling client: handles WebSocket events and messages; returns messages to send and events of the room.
//!
//! After every call poll outputs until there are none, then wait until `deadline`.

mod messages;

use std::time::Instant;

use livekit_protocol::{SessionDescription, TrackPublishedResponse, signal_request::Message as Request};

use super::{
    events::{DialError, JoinPolicy, Role, SignalEvent, SignalOutput},
    keep_alive::KeepAlive,
    lifecycle::{Lifecycle, State},
    outbox::Outbox,
    resume_info::ResumeInfo,
    room::RoomState,
    subscriptions::Subscriptions,
};
use crate::{
    error::{BoxError, LeaveReason, SubscriptionError},
    ids::TrackSid,
};

/// Combines the parts of the signalling state, each of which owns its own data.
#[derive(Debug)]
pub(crate) struct SignalClient {
    role: Role,
    lifecycle: Lifecycle,
    keep_alive: KeepAlive,
    room: RoomState,
    subscriptions: Subscriptions,
    resume_info: ResumeInfo,
    outbox: Outbox,
}

impl SignalClient {
    /// Begins to join.
    pub fn new(now: Instant, role: Role, policy: JoinPolicy) -> Self {
        let mut outbox = Outbox::default();
        Self {
            role,
            lifecycle: Lifecycle::new(&mut outbox, now, policy),
            keep_alive: KeepAlive::new(now),
            room: RoomState::default(),
            subscriptions: Subscriptions::default(),
            resume_info: ResumeInfo::default(),
            outbox,
        }
    }

    /// The WebSocket is open.
    pub fn handle_opened(&mut self, now: Instant) {
        if self.lifecycle.handle_opened(now) {
            self.keep_alive.restart(now);
        }
    }

    /// The WebSocket could not be opened.
    pub fn handle_dial_failed(&mut self, now: Instant, error: DialError) {
        self.lifecycle.handle_dial_failed(&mut self.outbox, now, error);
    }

    /// The WebSocket closed or broke.
    pub fn handle_closed(&mut self, now: Instant, cause: BoxError) {
        self.lifecycle.handle_closed(&mut self.outbox, now, cause);
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        match self.lifecycle.state() {
            State::Joined if self.keep_alive.is_lost(now) => {
                self.lifecycle.handle_silence(&mut self.outbox, now);
            }
            State::Joined => self.send_due(now),
            _ => self.lifecycle.handle_timeout(&mut self.outbox, now),
        }
    }

    pub fn deadline(&self) -> Option<Instant> {
        let keep_alive = self.keep_alive.deadline();
        match self.lifecycle.state() {
            State::Joined => self.subscriptions.deadline().into_iter().chain([keep_alive]).min(),
            _ => self.lifecycle.deadline(),
        }
    }

    pub fn poll_output(&mut self) -> Option<SignalOutput> {
        self.outbox.poll()
    }

    /// Subscribes to a track. Repeated calls change nothing.
    pub fn subscribe(&mut self, now: Instant, sid: TrackSid) {
        self.subscriptions.subscribe(now, sid);
        self.send_subscriptions(now);
    }

    pub fn unsubscribe(&mut self, now: Instant, sid: &TrackSid) {
        self.subscriptions.unsubscribe(sid);
        self.send_subscriptions(now);
    }

    /// An offer contains the track.
    pub fn handle_track_bound(&mut self, sid: &TrackSid) {
        self.subscriptions.handle_bound(sid);
    }

    /// The newest offer no longer contains the track.
    pub fn handle_track_unbound(&mut self, now: Instant, sid: &TrackSid) {
        self.subscriptions.handle_unbound(now, sid);
    }

    pub fn is_subscribed(&self, sid: &TrackSid) -> bool {
        self.subscriptions.contains(sid)
    }

    /// Returns whether the server lists the track as unmuted.
    pub fn is_unmuted(&self, sid: &TrackSid) -> bool {
        self.room.track(sid).is_some_and(|track| !track.muted)
    }

    /// Answers an offer of the server.
    pub fn send_answer(&mut self, offer: SessionDescription, sdp: String) {
        let answer = SessionDescription {
            r#type: "answer".into(),
            sdp,
            id: offer.id,
            ..Default::default()
        };
        self.resume_info.set_descriptions(offer, answer.clone());
        self.send(Request::Answer(answer));
    }

    /// Sends a message if we are connected. Returns whether we are.
    pub fn send(&mut self, request: Request) -> bool {
        let connected = self.lifecycle.is_joined();
        if connected {
            self.outbox.push(SignalOutput::Send(request));
        }
        connected
    }

    /// Sets which published tracks a resume reports to the server.
    pub fn set_published(&mut self, published: Vec<TrackPublishedResponse>) {
        self.resume_info.set_published(published);
    }

    /// Media has arrived.
    pub fn handle_media(&mut self, now: Instant) {
        self.lifecycle.handle_media(now);
    }

    /// No media arrives although some should.
    pub fn handle_media_stalled(&mut self, now: Instant) {
        self.lifecycle.handle_media_stalled(&mut self.outbox, now);
    }

    /// The media connection cannot be repaired, for this reason.
    pub fn handle_media_failed(&mut self, reason: LeaveReason) {
        self.lifecycle.handle_media_failed(&mut self.outbox, reason);
    }

    /// Leaves the room.
    pub fn leave(&mut self) {
        self.end(LeaveReason::ClientInitiated);
    }

    /// Ends the connection, and tells the server if we have joined.
    pub fn end(&mut self, reason: LeaveReason) {
        self.lifecycle.end(&mut self.outbox, reason);
    }

    /// Drops the WebSocket without informing the server, as a broken network does. For tests.
    pub fn drop_signal(&mut self, now: Instant) {
        self.handle_closed(now, "dropped by a test".into());
    }

    /// Sends pings and subscriptions that are due, and reports subscriptions that timed out.
    fn send_due(&mut self, now: Instant) {
        if let Some(ping) = self.keep_alive.poll(now) {
            self.outbox.push(SignalOutput::Send(Request::PingReq(ping)));
        }
        for sid in self.subscriptions.handle_timeout(now) {
            self.outbox.emit(SignalEvent::SubscriptionFailed {
                sid,
                error: SubscriptionError::TimedOut,
            });
        }
        self.send_subscriptions(now);
    }

    fn send_subscriptions(&mut self, now: Instant) {
        while self.lifecycle.is_joined() {
            let Some(batch) = self.subscriptions.poll(now) else {
                return;
            };
            self.send(Request::Subscription(batch));
        }
    }

    /// Reports an event, but not before it is clear that we are in the right room.
    fn emit(&mut self, event: SignalEvent) {
        match self.lifecycle.state() {
            State::AwaitingRoomSid { .. } => self.outbox.hold(event),
            State::Closed => {}
            _ => self.outbox.emit(event),
        }
    }
}
