//! What each message of the server does.

use std::time::Instant;

use livekit_protocol::{
    JoinResponse, LeaveRequest, ParticipantInfo, RequestResponse, SubscriptionError as WireSubscriptionError,
    SubscriptionResponse, request_response::Reason, signal_response::Message as Response,
};
use secrecy::SecretString;

use super::{
    leave::{Reaction, reaction},
    machine::{Own, Role, Signal, SignalEvent, State},
    participants::TrackChange,
    url::Attempt,
};
use crate::error::{JoinError, LeaveReason, SubscriptionError};

impl Signal {
    pub fn handle_message(&mut self, now: Instant, message: Response) {
        self.keep_alive.heard(now);
        match &self.state {
            State::Dialing { .. } | State::Waiting { .. } | State::Over => {}
            State::Greeting { attempt, .. } => {
                let attempt = attempt.clone();
                self.greet(now, &attempt, message);
            }
            State::Nameless | State::Up => self.handle_session_message(now, message),
        }
    }

    /// The first message decides whether there is a session.
    fn greet(&mut self, now: Instant, attempt: &Attempt, message: Response) {
        match message {
            Response::Join(join) => self.joined(now, join),
            Response::Reconnect(_) if *attempt != Attempt::Join => self.resumed(now),
            Response::Leave(leave) => self.refused(now, attempt, &leave),
            Response::RefreshToken(token) => self.token = Some(SecretString::from(token)),
            _ => {}
        }
    }

    fn joined(&mut self, now: Instant, join: JoinResponse) {
        if join.subscriber_primary != (self.role == Role::Subscriber) {
            return self.fail(now, JoinError::WrongGrants);
        }
        self.keep_alive.configure(join.ping_interval, join.ping_timeout);
        self.keep_alive.restart(now);
        let me = join.participant.unwrap_or_default();
        let known_room = std::mem::take(&mut self.own.room_sid);
        self.own = Own {
            room_sid: known_room,
            sid: me.sid,
            identity: me.identity,
        };
        self.session_is_new();
        let room_sid = join.room.map(|room| room.sid).unwrap_or_default();
        self.participants.forget_versions();
        let changes = self.participants.replace(&self.own.sid, &join.other_participants);
        self.expects_full_list = false;
        self.name_room(now, room_sid);
        self.apply(changes);
        self.send_subscriptions(now);
    }

    /// The room's sid came, with the join or after it. A room made anew is not the one that we were in.
    fn name_room(&mut self, now: Instant, room_sid: String) {
        if room_sid.is_empty() || !matches!(self.state, State::Nameless) {
            return;
        }
        if !self.own.room_sid.is_empty() && self.own.room_sid != room_sid {
            let was = self.own.room_sid.clone();
            return self.end(LeaveReason::RoomChanged { was, now: room_sid });
        }
        self.own.room_sid = room_sid;
        self.begin_session(now);
    }

    fn refused(&mut self, now: Instant, attempt: &Attempt, leave: &LeaveRequest) {
        match (reaction(leave), attempt) {
            (Reaction::End(reason), _) => self.end(reason),
            (_, Attempt::Resume { .. }) => self.restart(now, "the resume was refused".into()),
            (_, Attempt::Join) => {
                let cause = leave.reason().as_str_name().to_lowercase();
                self.fail(now, JoinError::Left(LeaveReason::Disconnected { cause }));
            }
        }
    }

    fn handle_session_message(&mut self, now: Instant, message: Response) {
        match message {
            Response::Offer(offer) => self.emit(SignalEvent::Offer(offer)),
            Response::Answer(answer) => self.emit(SignalEvent::Answer(answer)),
            Response::Trickle(trickle) => self.emit(SignalEvent::Trickle(trickle)),
            Response::Update(update) => self.handle_participants(&update.participants),
            Response::RefreshToken(token) => self.token = Some(SecretString::from(token)),
            Response::PongResp(pong) => self.keep_alive.pong(now, pong.last_ping_timestamp),
            Response::Leave(leave) => self.handle_leave(now, &leave),
            Response::SubscriptionResponse(response) => self.handle_subscription_response(now, &response),
            Response::RoomUpdate(update) => {
                self.name_room(now, update.room.map(|room| room.sid).unwrap_or_default());
                self.send_subscriptions(now);
            }
            Response::RoomMoved(moved) => {
                let was = self.own.room_sid.clone();
                self.end(LeaveReason::RoomChanged {
                    was,
                    now: moved.room.map(|room| room.sid).unwrap_or_default(),
                });
            }
            Response::TrackPublished(response) => self.emit(SignalEvent::Published {
                cid: response.cid,
                track: response.track.unwrap_or_default(),
            }),
            Response::RequestResponse(response) => self.handle_request_response(response),
            // Video, quality, speakers, data tracks: nothing for us.
            _ => {}
        }
    }

    fn handle_leave(&mut self, now: Instant, leave: &LeaveRequest) {
        tracing::info!(action = ?leave.action(), reason = ?leave.reason(), "LiveKit says leave");
        self.react(now, reaction(leave));
    }

    fn handle_participants(&mut self, news: &[ParticipantInfo]) {
        let changes = match std::mem::take(&mut self.expects_full_list) {
            true => self.participants.replace(&self.own.sid, news),
            false => self.participants.update(&self.own.sid, news),
        };
        self.apply(changes);
    }

    fn apply(&mut self, changes: Vec<TrackChange>) {
        if matches!(self.state, State::Over) {
            return;
        }
        for change in changes {
            if let TrackChange::Unpublished { sid } = &change {
                self.subscriptions.forget(sid);
            }
            self.emit(SignalEvent::Track(change));
        }
    }

    fn handle_subscription_response(&mut self, now: Instant, response: &SubscriptionResponse) {
        let sid = response.track_sid.clone();
        let listed = self.participants.track(&sid).is_some();
        let outcome = match WireSubscriptionError::try_from(response.err) {
            _ if !self.subscriptions.is_wanted(&sid) => return,
            Ok(WireSubscriptionError::SeCodecUnsupported) => Err(SubscriptionError::CodecUnsupported),
            Ok(WireSubscriptionError::SeTrackNotfound) if !listed => Err(SubscriptionError::NotFound),
            _ => self.subscriptions.refused(now, &sid),
        };
        if let Err(error) = outcome {
            self.subscriptions.unsubscribe(&sid);
            self.emit(SignalEvent::SubscriptionFailed { sid, error });
        }
        self.send_subscriptions(now);
    }

    fn handle_request_response(&mut self, response: RequestResponse) {
        if !matches!(response.reason(), Reason::Ok | Reason::Queued) {
            let text = format!(
                "{}: {}",
                response.reason().as_str_name().to_lowercase(),
                response.message
            );
            self.emit(SignalEvent::RequestFailed { text });
        }
    }
}
