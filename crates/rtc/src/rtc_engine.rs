//! Signalling and media of one participant together, without sockets, clock or runtime.
//!
//! Inputs go in through methods. Outputs come from `poll_output`, one at a time; the caller carries out each before
//! polling the next.

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

use std::{
    collections::VecDeque,
    net::SocketAddr,
    time::{Duration, Instant},
};

use livekit_protocol::{SignalTarget, TrickleRequest, signal_request::Message as Request};

use crate::{
    error::LeaveReason,
    peer::{Datagram, PeerConnection, PeerError, PeerEvent, PeerOutput},
    signal::{Dial, JoinPolicy, Role, SignalClient, SignalEvent, SignalOutput},
    simulate::{Fault, PacketLoss},
};

/// From the first session description until ICE and DTLS are connected. The server gives up after the same time.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// How long signalling may still say why the media connection was closed: the server closes both at once when it removes
/// a participant.
const FAILURE_GRACE: Duration = Duration::from_millis(300);

/// Something to do on the sockets.
#[derive(Debug)]
pub(crate) enum IoAction {
    /// Open a signalling WebSocket, which replaces the previous one.
    Dial(Dial),
    /// Send a message on the signalling WebSocket.
    Send(Box<Request>),
    /// Close the signalling WebSocket once all messages are sent.
    Hangup,
    /// Close all TCP streams, replace all UDP sockets and report the new ones to [`RtcEngine::handle_sockets`].
    OpenSockets,
    /// Open a TCP stream for ICE and report it to [`RtcEngine::handle_tcp_up`].
    DialTcp(SocketAddr),
    Transmit(Datagram<Vec<u8>>),
}

#[derive(Debug)]
pub(crate) enum EngineOutput {
    Io(IoAction),
    Signal(SignalEvent),
    Media(PeerEvent),
}

/// One participant's connection to a room.
#[derive(Debug)]
pub(crate) struct RtcEngine {
    role: Role,
    pub signal: SignalClient,
    /// `None` until sockets are open.
    pub peer: Option<PeerConnection>,
    /// When the media connection must be established.
    connect_deadline: Option<Instant>,
    /// Why the media connection failed, and when to give up because of it.
    failure: Option<(Instant, LeaveReason)>,
    loss: PacketLoss,
    outputs: VecDeque<EngineOutput>,
}

impl RtcEngine {
    pub fn new(now: Instant, role: Role, policy: JoinPolicy) -> Self {
        Self {
            role,
            signal: SignalClient::new(now, role, policy),
            peer: None,
            connect_deadline: None,
            failure: None,
            loss: PacketLoss::default(),
            outputs: VecDeque::new(),
        }
    }

    /// The requested UDP sockets are open, at these local addresses.
    pub fn handle_sockets(&mut self, now: Instant, locals: &[SocketAddr]) {
        self.connect_deadline = None;
        self.peer = Some(match self.role {
            Role::Subscriber => PeerConnection::subscriber(now, locals),
            Role::Publisher => PeerConnection::publisher(now, locals),
        });
    }

    /// No UDP socket could be opened.
    pub fn handle_no_sockets(&mut self, cause: &std::io::Error) {
        self.signal.end(LeaveReason::Disconnected {
            cause: format!("cannot open a UDP socket: {cause}"),
        });
    }

    pub fn handle_datagram(&mut self, now: Instant, datagram: &Datagram<&[u8]>) {
        if let Some(peer) = self.peer.as_mut().filter(|_| !self.loss.drops(datagram.contents)) {
            peer.handle_datagram(now, datagram);
        }
    }

    pub fn handle_tcp_up(&mut self, now: Instant, local: SocketAddr, remote: SocketAddr) {
        if let Some(peer) = &mut self.peer {
            peer.handle_tcp_up(now, local, remote);
        }
    }

    pub fn handle_tcp_down(&mut self, now: Instant, local: SocketAddr) {
        if let Some(peer) = &mut self.peer {
            peer.handle_tcp_down(now, local);
        }
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        self.signal.handle_timeout(now);
        if let Some(peer) = &mut self.peer {
            peer.handle_timeout(now);
        }
        if self.connect_deadline.is_some_and(|deadline| now >= deadline) {
            self.connect_deadline = None;
            self.signal.handle_media_failed(LeaveReason::MediaUnreachable);
        }
        if let Some((_, reason)) = self.failure.take_if(|(at, _)| now >= *at) {
            self.signal.handle_media_failed(reason);
        }
    }

    pub fn deadline(&self) -> Option<Instant> {
        let peer = self.peer.as_ref().map(PeerConnection::deadline);
        let failure = self.failure.as_ref().map(|(at, _)| *at);
        [self.signal.deadline(), peer, self.connect_deadline, failure]
            .into_iter()
            .flatten()
            .min()
    }

    /// A session description was sent or accepted. Unless media was connected before, it must be within
    /// [`CONNECT_TIMEOUT`].
    pub fn handle_negotiated(&mut self, now: Instant) {
        let first = self.peer.as_ref().is_some_and(|peer| !peer.was_connected());
        if first {
            self.connect_deadline.get_or_insert(now + CONNECT_TIMEOUT);
        }
    }

    /// A session description of the server could not be used.
    pub fn handle_bad_description(&mut self, error: &PeerError) {
        self.signal.handle_media_failed(media_failed(error));
    }

    pub fn poll_output(&mut self, now: Instant) -> Option<EngineOutput> {
        loop {
            if let Some(output) = self.outputs.pop_front() {
                return Some(output);
            }
            if let Some(output) = self.signal.poll_output() {
                self.handle_signal_output(now, output);
            } else {
                let output = self.peer.as_mut().and_then(PeerConnection::poll_output)?;
                self.handle_peer_output(now, output);
            }
        }
    }

    /// Returns the remaining actions after the end, discarding events.
    pub fn poll_remaining_action(&mut self, now: Instant) -> Option<IoAction> {
        loop {
            if let EngineOutput::Io(action) = self.poll_output(now)? {
                return Some(action);
            }
        }
    }

    /// Causes a fault, for tests.
    pub fn simulate(&mut self, now: Instant, fault: Fault) {
        match fault {
            Fault::DropSignal => self.signal.drop_signal(now),
            Fault::FailMedia => self.signal.handle_media_failed(LeaveReason::Disconnected {
                cause: "simulated".into(),
            }),
            Fault::LoseMedia { one_in } => self.loss = PacketLoss::new(one_in),
            Fault::ServerLeave | Fault::SwitchToTcp => {
                if let Some(scenario) = fault.scenario() {
                    self.signal.send(Request::Simulate(scenario));
                }
            }
        }
    }

    fn handle_signal_output(&mut self, now: Instant, output: SignalOutput) {
        let output = match output {
            SignalOutput::Dial(dial) => EngineOutput::Io(IoAction::Dial(dial)),
            SignalOutput::Send(request) => EngineOutput::Io(IoAction::Send(request.into())),
            SignalOutput::Hangup => EngineOutput::Io(IoAction::Hangup),
            SignalOutput::Event(SignalEvent::Trickle(trickle)) => return self.handle_trickle(now, &trickle),
            SignalOutput::Event(event) => {
                if let SignalEvent::Joined(_) = event {
                    self.peer = None;
                    self.outputs.push_back(EngineOutput::Io(IoAction::OpenSockets));
                }
                EngineOutput::Signal(event)
            }
        };
        self.outputs.push_back(output);
    }

    fn handle_trickle(&mut self, now: Instant, trickle: &TrickleRequest) {
        let ours = match self.role {
            Role::Subscriber => SignalTarget::Subscriber,
            Role::Publisher => SignalTarget::Publisher,
        };
        if let Some(peer) = self.peer.as_mut().filter(|_| trickle.target == ours as i32) {
            peer.add_candidate(now, &trickle.candidate_init);
        }
    }

    fn handle_peer_output(&mut self, now: Instant, output: PeerOutput) {
        let event = match output {
            PeerOutput::Transmit(datagram) => return self.push_io(IoAction::Transmit(datagram)),
            PeerOutput::DialTcp(address) => return self.push_io(IoAction::DialTcp(address)),
            PeerOutput::Event(event) => event,
        };
        match &event {
            PeerEvent::Connected => self.connect_deadline = None,
            PeerEvent::Disconnected => self.signal.handle_media_stalled(now),
            PeerEvent::Packet(_) | PeerEvent::SenderReport(_) => self.signal.handle_media(now),
            PeerEvent::Failed(error) => self.failure = Some((now + FAILURE_GRACE, media_failed(error))),
        }
        self.outputs.push_back(EngineOutput::Media(event));
    }

    fn push_io(&mut self, action: IoAction) {
        self.outputs.push_back(EngineOutput::Io(action));
    }
}

fn media_failed(error: &PeerError) -> LeaveReason {
    LeaveReason::Disconnected {
        cause: error.to_string(),
    }
}
