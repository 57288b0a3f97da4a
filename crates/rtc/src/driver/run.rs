//! The driver's loop: waits for sockets, commands and deadlines, passes them to the core, carries out its outputs.

use std::{
    collections::HashMap,
    net::SocketAddr,
    time::{Duration, Instant},
};

use livekit_protocol::signal_request::Message as Request;
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinSet,
    time::sleep_until,
};

use super::{
    event_queue::EventQueue,
    ice_tcp::{self, TcpInput},
    udp::UdpSockets,
    websocket::{SignalInput, SignalInputKind, SignalSocket},
};
use crate::{
    client_core::{ClientCore, ClientOutput},
    config::ConnectConfig,
    error::JoinError,
    peer::{Datagram, Transport},
    rtc_engine::IoAction,
    signal::{ConnectAttempt, Dial, LocalParticipant, signal_url},
};

/// Datagrams read in a row before other inputs get their turn.
const DATAGRAMS_PER_WAKE: usize = 32;
/// Larger than any datagram that LiveKit sends (1200 bytes plus headers).
const DATAGRAM_BYTES: usize = 2048;
/// How long to sleep if the core waits for nothing but input.
const IDLE_WAKE: Duration = Duration::from_secs(3600);
/// Capacity of the channels from the socket tasks to the loop, in messages.
const INPUT_CAPACITY: usize = 1024;

pub(super) struct Driver<C: ClientCore> {
    core: C,
    config: ConnectConfig,
    events: EventQueue<C::Event>,
    local: watch::Sender<LocalParticipant>,
    /// `None` once the caller of the join has its result.
    join_result: Option<oneshot::Sender<Result<(), JoinError>>>,
    udp: UdpSockets,
    tcp: HashMap<SocketAddr, mpsc::Sender<Vec<u8>>>,
    tcp_inputs: (mpsc::Sender<TcpInput>, mpsc::Receiver<TcpInput>),
    tcp_tasks: JoinSet<()>,
    signal: Option<SignalSocket>,
    /// Number of signalling sockets opened so far; used as the next socket's id.
    signal_count: u64,
    /// Signalling sockets that are sending their last messages.
    closing: JoinSet<()>,
    signal_inputs: (mpsc::Sender<SignalInput>, mpsc::Receiver<SignalInput>),
}

/// What to do when all outputs have been carried out.
enum Next {
    Wait(Option<Instant>),
    Done,
}

impl<C: ClientCore> Driver<C> {
    pub fn new(
        core: C,
        config: ConnectConfig,
        events: EventQueue<C::Event>,
        local: watch::Sender<LocalParticipant>,
        join_result: oneshot::Sender<Result<(), JoinError>>,
    ) -> Self {
        Self {
            core,
            config,
            events,
            local,
            join_result: Some(join_result),
            udp: UdpSockets::default(),
            tcp: HashMap::new(),
            tcp_inputs: mpsc::channel(INPUT_CAPACITY),
            tcp_tasks: JoinSet::new(),
            signal: None,
            signal_count: 0,
            closing: JoinSet::new(),
            signal_inputs: mpsc::channel(INPUT_CAPACITY),
        }
    }

    /// Runs until the core is done, then closes all sockets.
    pub async fn run(mut self, mut commands: mpsc::UnboundedReceiver<C::Command>) {
        let mut buffer = vec![0; DATAGRAM_BYTES];
        let mut abandoned = false;
        while let Next::Wait(wake) = self.process_outputs() {
            let deadline = wake.unwrap_or_else(|| Instant::now() + IDLE_WAKE);
            tokio::select! {
                index = self.udp.readable() => self.receive(index, &mut buffer),
                Some(input) = self.tcp_inputs.1.recv() => self.handle_tcp(input),
                Some(input) = self.signal_inputs.1.recv() => self.handle_signal(input),
                command = commands.recv(), if !abandoned => match command {
                    Some(command) => self.core.handle_command(Instant::now(), command),
                    None => {
                        abandoned = true;
                        self.core.handle_abandoned();
                    }
                },
                () = self.events.flush(C::dropped), if self.events.has_backlog() => {}
                () = sleep_until(deadline.into()) => self.core.handle_timeout(Instant::now()),
            }
        }
        self.close().await;
    }

    /// Carries out outputs until there are none.
    fn process_outputs(&mut self) -> Next {
        loop {
            match self.core.poll_output(Instant::now()) {
                ClientOutput::Io(action) => self.perform(action),
                ClientOutput::Event(event) if C::is_droppable(&event) => self.events.push_droppable(event),
                ClientOutput::Event(event) => self.events.push(event),
                ClientOutput::Joined(local) => {
                    self.local.send_replace(local);
                    self.report_join(Ok(()));
                }
                ClientOutput::JoinFailed(error) => self.report_join(Err(error)),
                ClientOutput::Wait(until) => return Next::Wait(until),
                ClientOutput::Done => return Next::Done,
            }
        }
    }

    /// Sends the result of the first join to its caller. Later calls do nothing.
    fn report_join(&mut self, result: Result<(), JoinError>) {
        if let Some(sender) = self.join_result.take() {
            let _caller_may_be_gone = sender.send(result);
        }
    }

    fn perform(&mut self, action: IoAction) {
        match action {
            IoAction::Dial(dial) => self.dial(dial),
            IoAction::Send(request) => self.send(*request),
            IoAction::Hangup => {
                if let Some(signal) = self.signal.take() {
                    self.closing.spawn(signal.close());
                }
            }
            IoAction::OpenSockets => self.open_sockets(),
            IoAction::DialTcp(remote) => {
                self.tcp_tasks.spawn(ice_tcp::run(remote, self.tcp_inputs.0.clone()));
            }
            IoAction::Transmit(datagram) => self.transmit(datagram),
        }
    }

    fn dial(&mut self, dial: Dial) {
        self.signal_count += 1;
        // The previous socket is considered dead: drop it without a closing handshake.
        if let Some(signal) = self.signal.take() {
            signal.abort();
        }
        let url = match signal_url(&self.config.url, &dial.attempt) {
            Ok(url) => url,
            Err(error) => return self.fail_dial(error),
        };
        tracing::debug!(resume = dial.attempt != ConnectAttempt::Join, "connecting to LiveKit");
        let token = dial.token.unwrap_or_else(|| (self.config.token)());
        let inputs = self.signal_inputs.0.clone();
        self.signal = Some(SignalSocket::open(self.signal_count, url, token, inputs));
    }

    /// The configured URL is not usable.
    fn fail_dial(&mut self, error: JoinError) {
        self.report_join(Err(error));
        self.core.handle_abandoned();
    }

    fn send(&mut self, request: Request) {
        if let Some(signal) = &self.signal {
            signal.send(request);
        }
    }

    fn open_sockets(&mut self) {
        let now = Instant::now();
        self.tcp_tasks.abort_all();
        self.tcp.clear();
        self.tcp_inputs = mpsc::channel(INPUT_CAPACITY);
        match UdpSockets::open(&self.config.bind, &self.config.url) {
            Ok(sockets) => {
                self.udp = sockets;
                self.core.engine().handle_sockets(now, &self.udp.addresses());
            }
            Err(error) => {
                self.core.engine().handle_no_sockets(&error);
                self.report_join(Err(JoinError::NoSocket(error.into())));
            }
        }
    }

    fn transmit(&mut self, datagram: Datagram<Vec<u8>>) {
        match datagram.transport {
            Transport::Udp => self.udp.send(datagram.local, datagram.remote, &datagram.contents),
            Transport::Tcp => {
                if let Some(frames) = self.tcp.get(&datagram.local) {
                    // If the stream is blocked, packets are dropped, as on a network.
                    let _may_be_full = frames.try_send(datagram.contents);
                }
            }
        }
    }

    fn receive(&mut self, index: usize, buffer: &mut [u8]) {
        for _ in 0..DATAGRAMS_PER_WAKE {
            let Some((length, remote, local)) = self.udp.try_receive(index, buffer) else {
                return;
            };
            let datagram = Datagram {
                transport: Transport::Udp,
                local,
                remote,
                contents: &buffer[..length],
            };
            self.core.engine().handle_datagram(Instant::now(), &datagram);
        }
    }

    fn handle_tcp(&mut self, input: TcpInput) {
        let now = Instant::now();
        let engine = self.core.engine();
        match input {
            TcpInput::Up { local, remote, frames } => {
                self.tcp.insert(local, frames);
                engine.handle_tcp_up(now, local, remote);
            }
            TcpInput::Frame { local, remote, frame } => {
                let datagram = Datagram {
                    transport: Transport::Tcp,
                    local,
                    remote,
                    contents: &frame[..],
                };
                engine.handle_datagram(now, &datagram);
            }
            TcpInput::Down { local } => {
                self.tcp.remove(&local);
                engine.handle_tcp_down(now, local);
            }
        }
    }

    fn handle_signal(&mut self, input: SignalInput) {
        if self.signal.as_ref().is_none_or(|signal| signal.id() != input.socket) {
            // From a socket that was replaced.
            return;
        }
        let now = Instant::now();
        let signal = &mut self.core.engine().signal;
        match input.kind {
            SignalInputKind::Opened => signal.handle_opened(now),
            SignalInputKind::DialFailed(error) => signal.handle_dial_failed(now, error),
            SignalInputKind::Message(message) => signal.handle_message(now, *message),
            SignalInputKind::Closed(cause) => signal.handle_closed(now, cause),
        }
    }

    /// Closes all sockets, then delivers the remaining events for as long as the reader takes them.
    async fn close(mut self) {
        self.report_join(Err(JoinError::ended_before_joining()));
        self.perform(IoAction::Hangup);
        while self.closing.join_next().await.is_some() {}
        // Reports the end to `leave`, which must not wait for a slow reader of events.
        drop(self.local);
        while self.events.has_backlog() {
            self.events.flush(C::dropped).await;
        }
    }
}
