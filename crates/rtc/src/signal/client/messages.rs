//! What each message of the server does.

use std::time::Instant;

use livekit_protocol::{
    JoinResponse, LeaveRequest, RequestResponse, Room, SubscriptionError as WireSubscriptionError,
    SubscriptionResponse, request_response::Reason, signal_request::Message as Request,
    signal_response::Message as Response,
};
use secrecy::SecretString;

use super::SignalClient;
use crate::{
    error::{JoinError, SubscriptionError},
    ids::{RoomSid, TrackSid},
    signal::{
        attempt::ConnectAttempt,
        events::{Role, SignalEvent},
        leave::reaction,
        lifecycle::State,
        participants::TrackChange,
    },
};

impl SignalClient {
    pub fn handle_message(&mut self, now: Instant, message: Response) {
        self.keep_alive.handle_received(now);
        match self.lifecycle.state() {
            State::Dialing { .. } | State::BackingOff { .. } | State::Outlasting { .. } | State::Closed => {}
            State::AwaitingFirstMessage { attempt, .. } => {
                let resuming = *attempt != ConnectAttempt::Join;
                self.handle_first_message(now, resuming, message);
            }
            State::AwaitingRoomSid { .. } | State::Joined => self.handle_later_message(now, message),
        }
    }

    /// The first message decides whether we are in.
    fn handle_first_message(&mut self, now: Instant, resuming: bool, message: Response) {
        match message {
            Response::Join(join) => self.handle_join(now, join),
            Response::Reconnect(_) if resuming => self.handle_resumed(now),
            Response::Leave(leave) => self.handle_refusal(now, &leave),
            Response::RefreshToken(token) => self.lifecycle.handle_token(SecretString::from(token)),
            _ => {}
        }
    }

    fn handle_join(&mut self, now: Instant, join: JoinResponse) {
        if join.subscriber_primary != (self.role == Role::Subscriber) {
            return self
                .lifecycle
                .handle_failure(&mut self.outbox, now, JoinError::WrongGrants);
        }
        self.keep_alive.configure(join.ping_interval, join.ping_timeout);
        self.keep_alive.restart(now);
        // An earlier attempt may have been accepted without being completed.
        self.outbox.discard_held();
        let changes = self.room.handle_join(&join);
        self.lifecycle.handle_join(now, self.room.local().sid.clone());
        self.handle_room_sid(room_sid(join.room));
        self.apply(changes);
        self.emit(SignalEvent::TracksListed);
        self.send_subscriptions(now);
    }

    /// The server named the room's sid, in the join response or later.
    fn handle_room_sid(&mut self, room_sid: RoomSid) {
        if room_sid.is_empty() || !matches!(self.lifecycle.state(), State::AwaitingRoomSid { .. }) {
            return;
        }
        self.room.set_sid(room_sid);
        self.lifecycle.handle_room_confirmed();
        self.outbox.emit(SignalEvent::Joined(self.room.local().clone()));
        self.outbox.release_held();
    }

    fn handle_resumed(&mut self, now: Instant) {
        self.lifecycle.handle_resumed();
        self.room.handle_resumed();
        self.subscriptions.extend_deadlines(now);
        let subscribed =
            (self.role == Role::Subscriber).then(|| self.subscriptions.sids().map(TrackSid::to_string).collect());
        self.send(Request::SyncState(self.resume_info.sync_state(subscribed)));
        self.outbox.emit(SignalEvent::Resumed);
        self.send_subscriptions(now);
    }

    fn handle_refusal(&mut self, now: Instant, leave: &LeaveRequest) {
        let cause = leave.reason().as_str_name().to_lowercase();
        self.lifecycle
            .handle_refusal(&mut self.outbox, now, reaction(leave), cause);
    }

    fn handle_later_message(&mut self, now: Instant, message: Response) {
        match message {
            Response::Offer(offer) => self.emit(SignalEvent::Offer(offer)),
            Response::Answer(answer) => self.emit(SignalEvent::Answer(answer)),
            Response::Trickle(trickle) => self.emit(SignalEvent::Trickle(trickle)),
            Response::Update(update) => {
                let changes = self.room.handle_update(&update.participants);
                self.apply(changes);
            }
            Response::RefreshToken(token) => self.lifecycle.handle_token(SecretString::from(token)),
            Response::PongResp(pong) => self.keep_alive.handle_pong(now, pong.last_ping_timestamp),
            Response::Leave(leave) => self.handle_leave(now, &leave),
            Response::SubscriptionResponse(response) => self.handle_subscription_response(now, &response),
            Response::RoomUpdate(update) => {
                self.handle_room_sid(room_sid(update.room));
                self.send_subscriptions(now);
            }
            Response::RoomMoved(moved) => {
                self.end(self.room.changed_to(room_sid(moved.room)));
            }
            Response::TrackPublished(response) => self.emit(SignalEvent::Published {
                cid: response.cid,
                track: response.track.unwrap_or_default(),
            }),
            Response::RequestResponse(response) => self.handle_request_response(response),
            // Video, connection quality, active speakers and data tracks do not concern an audio client.
            _ => {}
        }
    }

    fn handle_leave(&mut self, now: Instant, leave: &LeaveRequest) {
        tracing::info!(action = ?leave.action(), reason = ?leave.reason(), "LiveKit sent leave");
        self.lifecycle.handle_leave(&mut self.outbox, now, reaction(leave));
    }

    fn apply(&mut self, changes: Vec<TrackChange>) {
        if matches!(self.lifecycle.state(), State::Closed) {
            return;
        }
        for change in changes {
            if let TrackChange::Unpublished { sid } = &change {
                self.subscriptions.remove(sid);
            }
            self.emit(SignalEvent::Track(change));
        }
    }

    fn handle_subscription_response(&mut self, now: Instant, response: &SubscriptionResponse) {
        let sid = TrackSid::from(response.track_sid.as_str());
        let listed = self.room.track(&sid).is_some();
        let outcome = match WireSubscriptionError::try_from(response.err) {
            _ if !self.subscriptions.contains(&sid) => return,
            Ok(WireSubscriptionError::SeCodecUnsupported) => Err(SubscriptionError::CodecUnsupported),
            Ok(WireSubscriptionError::SeTrackNotfound) if !listed => Err(SubscriptionError::NotFound),
            _ => self.subscriptions.handle_refused(now, &sid),
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

/// Returns an empty sid if the server has not named one.
fn room_sid(room: Option<Room>) -> RoomSid {
    room.map(|room| room.sid.into()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use livekit_protocol::{
        ParticipantUpdate, Pong, RoomMovedResponse, RoomUpdate, SubscriptionResponse, leave_request::Action,
    };
    use proptest::prelude::*;

    use super::*;
    use crate::signal::{
        SignalOutput,
        testing::{Harness, alice, join, leave, resumed},
        wire,
    };

    fn update(version: u32, tracks: &[&str]) -> Response {
        Response::Update(ParticipantUpdate {
            participants: vec![alice(version, tracks)],
        })
    }

    fn subscription_failed(sid: &str, err: i32) -> Response {
        Response::SubscriptionResponse(SubscriptionResponse {
            track_sid: sid.into(),
            err,
        })
    }

    #[test]
    fn a_join_reports_the_published_tracks() {
        let mut harness = Harness::new(Role::Subscriber);

        harness.accept(join("RM_1", &["TR_1", "TR_2"]));

        assert_eq!(
            harness.outline(),
            [
                "dial to join",
                "joined RM_1",
                "published TR_1",
                "published TR_2",
                "listed"
            ]
        );
    }

    #[test]
    fn nothing_is_reported_before_the_rooms_sid_is_known() {
        let mut harness = Harness::new(Role::Subscriber);
        harness.accept(join("", &["TR_1"]));
        let before = harness.outline();

        let room = Room {
            sid: "RM_1".into(),
            ..Default::default()
        };
        harness.receive(Response::RoomUpdate(RoomUpdate { room: Some(room) }));

        assert_eq!(before, ["dial to join"]);
        assert_eq!(harness.outline(), ["joined RM_1", "published TR_1", "listed"]);
    }

    #[test]
    fn a_token_for_the_other_role_is_refused() {
        let mut harness = Harness::new(Role::Publisher);

        harness.accept(join("RM_1", &[]));

        assert!(
            harness
                .outline()
                .last()
                .unwrap()
                .starts_with("failed: the token has the wrong grants")
        );
    }

    #[test]
    fn the_first_list_after_a_resume_is_complete() {
        let mut harness = Harness::new(Role::Subscriber);
        harness.accept(join("RM_1", &["TR_1", "TR_2"]));
        harness.close();
        harness.accept(resumed());
        harness.outline();

        harness.receive(Response::Update(ParticipantUpdate { participants: vec![] }));
        let full = harness.outline();
        harness.receive(update(9, &["TR_3"]));
        harness.receive(Response::Update(ParticipantUpdate { participants: vec![] }));

        assert_eq!(full, ["unpublished TR_1", "unpublished TR_2"]);
        assert_eq!(harness.outline(), ["published TR_3"]);
    }

    #[test]
    fn a_resume_reports_subscriptions_to_the_server() {
        let mut harness = Harness::joined();
        harness.signal.subscribe(harness.now, "TR_1".into());
        harness.close();
        harness.outline();

        harness.accept(resumed());

        let sync = harness.outputs().into_iter().find_map(|output| match output {
            SignalOutput::Send(livekit_protocol::signal_request::Message::SyncState(sync)) => sync.subscription,
            _ => None,
        });
        let sync = sync.unwrap();
        assert_eq!((sync.track_sids, sync.subscribe), (vec!["TR_1".to_owned()], true));
    }

    #[test]
    fn a_track_with_an_unsupported_codec_fails_and_is_not_requested_again() {
        let mut harness = Harness::joined();
        harness.receive(update(2, &["TR_1"]));
        harness.signal.subscribe(harness.now, "TR_1".into());
        harness.outline();

        harness.receive(subscription_failed("TR_1", 1));

        let mut outline = harness.outline();
        harness.wait();
        outline.extend(harness.outline());
        assert_eq!(
            outline,
            [
                "TR_1 failed: the track is not available as Opus without redundancy",
                "unsubscribe TR_1"
            ]
        );
    }

    #[test]
    fn a_listed_track_that_could_not_be_bound_is_requested_again() {
        let mut harness = Harness::joined();
        harness.receive(update(2, &["TR_1"]));
        harness.signal.subscribe(harness.now, "TR_1".into());
        harness.outline();

        harness.receive(subscription_failed("TR_1", 0));
        for _ in 0..2 {
            harness.wait();
        }

        assert_eq!(harness.outline(), ["unsubscribe TR_1", "subscribe TR_1"]);
    }

    #[test]
    fn a_track_that_is_not_listed_is_not_found() {
        let mut harness = Harness::joined();
        harness.signal.subscribe(harness.now, "TR_1".into());
        harness.outline();

        harness.receive(subscription_failed("TR_1", 2));
        harness.receive(subscription_failed("TR_other", 2));

        assert_eq!(harness.outline()[0], "TR_1 failed: the track does not exist");
        assert_eq!(harness.outline(), Vec::<String>::new());
    }

    #[test]
    fn a_room_that_moves_is_left() {
        let mut harness = Harness::joined();
        let room = Room {
            sid: "RM_2".into(),
            ..Default::default()
        };

        harness.receive(Response::RoomMoved(RoomMovedResponse {
            room: Some(room),
            ..Default::default()
        }));

        assert!(
            harness
                .outline()
                .contains(&"left: we were moved from room RM_1 to room RM_2".to_owned())
        );
    }

    #[test]
    fn pings_are_sent_and_silence_is_a_loss() {
        let mut harness = Harness::joined();

        let waits: Vec<_> = (0..3).map(|_| harness.wait()).collect();

        assert_eq!(waits, [5000, 5000, 5000]);
        assert_eq!(
            harness.outline(),
            ["send ping", "send ping", "reconnecting", "dial to resume"]
        );
    }

    #[test]
    fn any_message_counts_as_an_answer() {
        let mut harness = Harness::joined();

        for _ in 0..10 {
            harness.wait();
            harness.receive(Response::PongResp(Pong::default()));
        }

        assert!(harness.outline().iter().all(|output| output == "send ping"));
    }

    #[test]
    fn messages_after_the_end_are_ignored() {
        let mut harness = Harness::joined();
        harness.signal.leave();
        harness.outline();

        harness.accept(join("RM_1", &["TR_1"]));
        harness.receive(update(9, &["TR_2"]));
        harness.receive(leave(Action::Resume));

        assert_eq!(harness.outline(), Vec::<String>::new());
    }

    proptest! {
        /// Arbitrary decodable frames in any order, while time passes.
        #[test]
        fn no_message_makes_the_client_panic(
            frames in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..40), 1u8..32, 0u64..20), 0..60),
        ) {
            let mut harness = Harness::joined();
            for (body, field, seconds) in frames {
                let frame = [&[(field << 3) | 2, u8::try_from(body.len()).unwrap()][..], &body].concat();
                for frame in [frame, body] {
                    if let Ok(Some(message)) = wire::decode(&frame) {
                        harness.accept(message);
                    }
                }
                harness.advance(seconds);
                harness.signal.handle_timeout(harness.now);
                harness.outline();
            }
        }
    }
}
