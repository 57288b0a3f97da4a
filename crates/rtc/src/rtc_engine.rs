//! Signalling and media of one participant together: still no socket, clock or runtime.
//!
//! What comes in is given to the methods here; what is to be done about it is read from `poll_output`, one at a time,
//! each done before the next is read.

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

use std::{
    collections::VecDeque,
    net::SocketAddr,
    time::{Duration, Instant},
};

use livekit_protocol::{SignalTarget, TrickleRequest, signal_request::Message as Request};

use crate::{
    error::LeaveReason,
    peer::{self, Datagram, Peer, PeerError, PeerEvent},
    signal::{self, Dial, Limits, Role, Signal, SignalEvent},
    simulate::{Fault, Loss},
};

/// From the first description to ICE and DTLS being through. The server gives up after as long.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);

/// Something for the driver to do.
#[derive(Debug)]
pub(crate) enum Action {
    /// Open a WebSocket in place of the one before.
    Dial(Dial),
    Send(Box<Request>),
    /// Close the WebSocket when everything is sent.
    Hangup,
    /// Open new UDP sockets in place of those before, tell their addresses by `handle_sockets`, forget TCP streams.
    OpenSockets,
    DialTcp(SocketAddr),
    Transmit(Datagram<Vec<u8>>),
}

#[derive(Debug)]
pub(crate) enum Output {
    Action(Action),
    Signal(SignalEvent),
    Media(PeerEvent),
}

#[derive(Debug)]
pub(crate) struct Connection {
    role: Role,
    pub signal: Signal,
    pub peer: Option<Peer>,
    /// Until when the media connection has to be there.
    connect_by: Option<Instant>,
    loss: Loss,
    outputs: VecDeque<Output>,
}

impl Connection {
    pub fn new(now: Instant, role: Role, limits: Limits) -> Self {
        let signal = Signal::new(now, role, limits);
        Self {
            role,
            signal,
            peer: None,
            connect_by: None,
            loss: Loss::default(),
            outputs: VecDeque::new(),
        }
    }

    /// The sockets that were asked for are open.
    pub fn handle_sockets(&mut self, now: Instant, locals: &[SocketAddr]) {
        self.connect_by = None;
        self.peer = Some(match self.role {
            Role::Subscriber => Peer::subscriber(now, locals),
            Role::Publisher => Peer::publisher(now, locals),
        });
    }

    /// There is no socket to be had.
    pub fn handle_no_sockets(&mut self, cause: &std::io::Error) {
        self.signal.end(LeaveReason::Disconnected {
            cause: format!("no UDP socket could be opened: {cause}"),
        });
    }

    pub fn handle_datagram(&mut self, now: Instant, datagram: &Datagram<&[u8]>) {
        if let Some(peer) = self.peer.as_mut().filter(|_| !self.loss.takes(datagram.contents)) {
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
        if self.connect_by.is_some_and(|by| now >= by) {
            self.connect_by = None;
            let cause = "no direct path to the media server, neither by UDP nor by TCP";
            self.signal.handle_media_failed(now, cause.into());
        }
    }

    pub fn deadline(&self) -> Option<Instant> {
        let peer = self.peer.as_ref().map(Peer::deadline);
        [self.signal.deadline(), peer, self.connect_by]
            .into_iter()
            .flatten()
            .min()
    }

    /// A description went out or came in: now the clock runs until media is there.
    pub fn negotiated(&mut self, now: Instant) {
        let first = self.peer.as_ref().is_some_and(|peer| !peer.was_connected());
        if first {
            self.connect_by.get_or_insert(now + CONNECT_TIMEOUT);
        }
    }

    pub fn handle_bad_description(&mut self, now: Instant, error: &PeerError) {
        self.signal.handle_media_failed(now, error.to_string());
    }

    pub fn poll_output(&mut self, now: Instant) -> Option<Output> {
        loop {
            if let Some(output) = self.outputs.pop_front() {
                return Some(output);
            }
            if let Some(output) = self.signal.poll_output() {
                self.handle_signal_output(now, output);
            } else {
                let output = self.peer.as_mut().and_then(Peer::poll_output)?;
                self.handle_peer_output(now, output);
            }
        }
    }

    /// What is still to be done when nothing more is to be heard.
    pub fn poll_farewell(&mut self, now: Instant) -> Option<Action> {
        loop {
            if let Output::Action(action) = self.poll_output(now)? {
                return Some(action);
            }
        }
    }

    /// Makes a fault, for tests.
    pub fn simulate(&mut self, now: Instant, fault: Fault) {
        match fault {
            Fault::DropSignal => self.signal.drop_signal(now),
            Fault::FailMedia => self.signal.handle_media_failed(now, "simulated".into()),
            Fault::LoseMedia { one_in } => self.loss.one_in = one_in,
            Fault::ServerLeave | Fault::SwitchToTcp => {
                if let Some(scenario) = fault.scenario() {
                    self.signal.send(Request::Simulate(scenario));
                }
            }
        }
    }

    fn handle_signal_output(&mut self, now: Instant, output: signal::Output) {
        let output = match output {
            signal::Output::Dial(dial) => Output::Action(Action::Dial(dial)),
            signal::Output::Send(request) => Output::Action(Action::Send(request.into())),
            signal::Output::Hangup => Output::Action(Action::Hangup),
            signal::Output::Event(SignalEvent::Trickle(trickle)) => return self.handle_trickle(now, &trickle),
            signal::Output::Event(event) => {
                if let SignalEvent::Joined(_) = event {
                    self.peer = None;
                    self.outputs.push_back(Output::Action(Action::OpenSockets));
                }
                Output::Signal(event)
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

    fn handle_peer_output(&mut self, now: Instant, output: peer::Output) {
        let event = match output {
            peer::Output::Transmit(datagram) => {
                return self.outputs.push_back(Output::Action(Action::Transmit(datagram)));
            }
            peer::Output::DialTcp(address) => return self.outputs.push_back(Output::Action(Action::DialTcp(address))),
            peer::Output::Event(event) => event,
        };
        match &event {
            PeerEvent::Connected => self.connect_by = None,
            PeerEvent::Disconnected => self.signal.handle_media_stalled(now),
            PeerEvent::Packet(_) | PeerEvent::SenderReport(_) => self.signal.handle_media(now),
            PeerEvent::Failed(error) => self.signal.handle_media_failed(now, error.to_string()),
        }
        self.outputs.push_back(Output::Media(event));
    }
}
