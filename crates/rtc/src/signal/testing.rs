//! A signalling client on a simulated clock, with a scripted server.

use std::time::{Duration, Instant};

use livekit_protocol::{
    JoinResponse, LeaveRequest, ParticipantInfo, ReconnectResponse, Room, TrackInfo, leave_request::Action,
    participant_info::State as ParticipantState, signal_request::Message as Request,
    signal_response::Message as Response,
};

use super::{
    attempt::ConnectAttempt,
    client::SignalClient,
    events::{DialError, JoinPolicy, Role, SignalEvent, SignalOutput},
    participants::TrackChange,
};

/// The client under test.
pub(super) struct Harness {
    pub signal: SignalClient,
    pub now: Instant,
}

impl Harness {
    pub fn new(role: Role) -> Self {
        Self::resuming_after(role, Duration::ZERO)
    }

    pub fn resuming_after(role: Role, resume_after: Duration) -> Self {
        let now = Instant::now();
        let policy = JoinPolicy {
            attempts: 3,
            resume_after,
            jitter_seed: 7,
        };
        Self {
            signal: SignalClient::new(now, role, policy),
            now,
        }
    }

    /// Returns a subscriber that has joined, with its outputs discarded.
    pub fn joined() -> Self {
        Self::joined_and_resuming_after(Duration::ZERO)
    }

    pub fn joined_and_resuming_after(resume_after: Duration) -> Self {
        let mut harness = Self::resuming_after(Role::Subscriber, resume_after);
        harness.accept(join("RM_1", &[]));
        harness.outline();
        harness
    }

    /// Opens the WebSocket and sends `first` as its first message.
    pub fn accept(&mut self, first: Response) {
        self.signal.handle_opened(self.now);
        self.receive(first);
    }

    /// Sends a message of the server.
    pub fn receive(&mut self, message: Response) {
        self.signal.handle_message(self.now, message);
    }

    /// Refuses the WebSocket with an HTTP status.
    pub fn refuse(&mut self, status: u16) {
        self.signal.handle_dial_failed(
            self.now,
            DialError::Refused {
                status,
                text: "no".into(),
            },
        );
    }

    /// Breaks the WebSocket.
    pub fn close(&mut self) {
        self.signal.handle_closed(self.now, "reset".into());
    }

    /// Advances the clock to the next deadline. Returns the milliseconds that passed.
    pub fn wait(&mut self) -> u128 {
        let deadline = self.signal.deadline().unwrap();
        let waited = deadline.saturating_duration_since(self.now);
        self.now = deadline.max(self.now);
        self.signal.handle_timeout(self.now);
        waited.as_millis()
    }

    /// Advances the clock.
    pub fn advance(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }

    /// Returns all outputs since the last call.
    pub fn outputs(&mut self) -> Vec<SignalOutput> {
        std::iter::from_fn(|| self.signal.poll_output()).collect()
    }

    /// Returns all outputs since the last call, in words.
    pub fn outline(&mut self) -> Vec<String> {
        self.outputs().iter().map(outline).collect()
    }
}

pub(crate) fn join(room_sid: &str, tracks: &[&str]) -> Response {
    Response::Join(JoinResponse {
        room: Some(Room {
            sid: room_sid.into(),
            ..Default::default()
        }),
        participant: Some(ParticipantInfo {
            sid: "PA_me".into(),
            identity: "me".into(),
            ..Default::default()
        }),
        other_participants: vec![alice(1, tracks)],
        subscriber_primary: true,
        ..Default::default()
    })
}

pub(super) fn resumed() -> Response {
    Response::Reconnect(ReconnectResponse::default())
}

pub(super) fn leave(action: Action) -> Response {
    Response::Leave(LeaveRequest {
        action: action as i32,
        ..Default::default()
    })
}

pub(super) fn alice(version: u32, tracks: &[&str]) -> ParticipantInfo {
    ParticipantInfo {
        sid: "PA_alice".into(),
        identity: "alice".into(),
        state: ParticipantState::Active as i32,
        version,
        tracks: tracks
            .iter()
            .map(|sid| TrackInfo {
                sid: (*sid).into(),
                ..Default::default()
            })
            .collect(),
        ..Default::default()
    }
}

fn outline(output: &SignalOutput) -> String {
    match output {
        SignalOutput::Dial(dial) if dial.attempt == ConnectAttempt::Join => "dial to join".into(),
        SignalOutput::Dial(_) => "dial to resume".into(),
        SignalOutput::Hangup => "hang up".into(),
        SignalOutput::Send(request) => match request {
            Request::PingReq(_) => "send ping".into(),
            Request::Leave(_) => "send leave".into(),
            Request::SyncState(_) => "send sync state".into(),
            Request::Subscription(request) if request.subscribe => {
                format!("subscribe {}", request.track_sids.join(" "))
            }
            Request::Subscription(request) => format!("unsubscribe {}", request.track_sids.join(" ")),
            other => format!("send {other:?}"),
        },
        SignalOutput::Event(event) => match event {
            SignalEvent::Joined(local) => format!("joined {}", local.room_sid),
            SignalEvent::Track(TrackChange::Published(track)) => format!("published {}", track.sid),
            SignalEvent::Track(TrackChange::Unpublished { sid }) => format!("unpublished {sid}"),
            SignalEvent::SubscriptionFailed { sid, error } => format!("{sid} failed: {error}"),
            SignalEvent::JoinFailed(error) => format!("failed: {error}"),
            SignalEvent::Left(reason) => format!("left: {reason}"),
            SignalEvent::TracksListed => "listed".into(),
            SignalEvent::Reconnecting => "reconnecting".into(),
            SignalEvent::Resumed => "resumed".into(),
            other => format!("{other:?}"),
        },
    }
}
