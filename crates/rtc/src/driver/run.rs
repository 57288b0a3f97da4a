//! The loop: wait for the first of sockets, commands and deadlines, tell the session, do what it says.

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
    Outbox, Output, Session, TcpInput, ice_tcp,
    udp::UdpSockets,
    websocket::{Link, SignalInput, SignalInputKind},
};
use crate::{
    config::ConnectConfig,
    error::{BoxError, JoinError},
    peer::{Datagram, Transport},
    rtc_engine::Action,
    signal::{
        Dial, Own,
        url::{Attempt, signal_url},
    },
};

/// Read in a row before the others get their turn.
const DATAGRAMS_PER_WAKE: usize = 32;
/// Larger than any that LiveKit sends (1200 bytes and headers).
const DATAGRAM_BYTES: usize = 2048;
/// If the session waits for nothing but input.
const IDLE_WAKE: Duration = Duration::from_secs(3600);
/// Messages of sockets that wait for the loop.
const INPUT_CAPACITY: usize = 1024;

pub(super) struct Driver<S: Session> {
    session: S,
    config: ConnectConfig,
    outbox: Outbox<S::Event>,
    own: watch::Sender<Own>,
    ready: Option<oneshot::Sender<Result<(), JoinError>>>,
    udp: UdpSockets,
    tcp: HashMap<SocketAddr, mpsc::Sender<Vec<u8>>>,
    tcp_inputs: (mpsc::Sender<TcpInput>, mpsc::Receiver<TcpInput>),
    tcp_tasks: JoinSet<()>,
    link: Option<Link>,
    links: u64,
    /// Links that say good-bye.
    closing: JoinSet<()>,
    signal_inputs: (mpsc::Sender<SignalInput>, mpsc::Receiver<SignalInput>),
}

/// What the session wants next.
enum Next {
    Wait(Option<Instant>),
    Done,
}

impl<S: Session> Driver<S> {
    pub fn new(
        session: S,
        config: ConnectConfig,
        outbox: Outbox<S::Event>,
        own: watch::Sender<Own>,
        ready: oneshot::Sender<Result<(), JoinError>>,
    ) -> Self {
        Self {
            session,
            config,
            outbox,
            own,
            ready: Some(ready),
            udp: UdpSockets::default(),
            tcp: HashMap::new(),
            tcp_inputs: mpsc::channel(INPUT_CAPACITY),
            tcp_tasks: JoinSet::new(),
            link: None,
            links: 0,
            closing: JoinSet::new(),
            signal_inputs: mpsc::channel(INPUT_CAPACITY),
        }
    }

    pub async fn run(mut self, mut commands: mpsc::UnboundedReceiver<S::Command>) {
        let mut buffer = vec![0; DATAGRAM_BYTES];
        let mut abandoned = false;
        while let Next::Wait(wake) = self.settle() {
            let deadline = wake.unwrap_or_else(|| Instant::now() + IDLE_WAKE);
            tokio::select! {
                index = self.udp.readable() => self.receive(index, &mut buffer),
                Some(input) = self.tcp_inputs.1.recv() => self.handle_tcp(input),
                Some(input) = self.signal_inputs.1.recv() => self.handle_signal(input),
                command = commands.recv(), if !abandoned => match command {
                    Some(command) => self.session.handle_command(Instant::now(), command),
                    None => {
                        abandoned = true;
                        self.session.handle_abandoned();
                    }
                },
                () = self.outbox.flush(S::dropped), if self.outbox.is_waiting() => {}
                () = sleep_until(deadline.into()) => self.session.handle_timeout(Instant::now()),
            }
        }
        self.close().await;
    }

    /// Does all that the session wants done now.
    fn settle(&mut self) -> Next {
        loop {
            match self.session.poll_output(Instant::now()) {
                Output::Action(action) => self.act(action),
                Output::Event(event) if S::is_expendable(&event) => self.outbox.push_expendable(event),
                Output::Event(event) => self.outbox.push(event),
                Output::Joined(own) => {
                    self.own.send_replace(own);
                    self.resolve(Ok(()));
                }
                Output::Failed(error) => self.resolve(Err(error)),
                Output::Wait(until) => return Next::Wait(until),
                Output::Done => return Next::Done,
            }
        }
    }

    fn resolve(&mut self, result: Result<(), JoinError>) {
        if let Some(ready) = self.ready.take() {
            let _caller_may_be_gone = ready.send(result);
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Dial(dial) => self.dial(dial),
            Action::Send(request) => self.send(*request),
            Action::Hangup => {
                if let Some(link) = self.link.take() {
                    self.closing.spawn(link.close());
                }
            }
            Action::OpenSockets => self.open_sockets(),
            Action::DialTcp(remote) => {
                self.tcp_tasks.spawn(ice_tcp::run(remote, self.tcp_inputs.0.clone()));
            }
            Action::Transmit(datagram) => self.transmit(datagram),
        }
    }

    fn dial(&mut self, dial: Dial) {
        self.links += 1;
        // The one before is taken for dead: it gets no good-bye.
        if let Some(link) = self.link.take() {
            link.task.abort();
        }
        let url = match signal_url(&self.config.url, &dial.attempt) {
            Ok(url) => url,
            Err(error) => return self.fail_dial(error),
        };
        tracing::debug!(resume = dial.attempt != Attempt::Join, "connecting to LiveKit");
        let token = dial.token.unwrap_or_else(|| (self.config.token)());
        self.link = Some(Link::open(self.links, url, token, self.signal_inputs.0.clone()));
    }

    /// The address of the server is none.
    fn fail_dial(&mut self, error: JoinError) {
        self.resolve(Err(error));
        self.session.handle_abandoned();
    }

    fn send(&mut self, request: Request) {
        if let Some(link) = &self.link {
            // A link that has just closed says so itself.
            let _may_be_closed = link.requests.send(request);
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
                self.session.connection().handle_sockets(now, &self.udp.addresses());
            }
            Err(error) => {
                self.session.connection().handle_no_sockets(&error);
                self.resolve(Err(JoinError::NoSocket(error.into())));
            }
        }
    }

    fn transmit(&mut self, datagram: Datagram<Vec<u8>>) {
        match datagram.transport {
            Transport::Udp => self.udp.send(datagram.local, datagram.remote, &datagram.contents),
            Transport::Tcp => {
                if let Some(frames) = self.tcp.get(&datagram.local) {
                    // A stream that stands still loses packets, as a network does.
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
            self.session.connection().handle_datagram(Instant::now(), &datagram);
        }
    }

    fn handle_tcp(&mut self, input: TcpInput) {
        let now = Instant::now();
        let connection = self.session.connection();
        match input {
            TcpInput::Up { local, remote, frames } => {
                self.tcp.insert(local, frames);
                connection.handle_tcp_up(now, local, remote);
            }
            TcpInput::Frame { local, remote, frame } => {
                let datagram = Datagram {
                    transport: Transport::Tcp,
                    local,
                    remote,
                    contents: &frame[..],
                };
                connection.handle_datagram(now, &datagram);
            }
            TcpInput::Down { local } => {
                self.tcp.remove(&local);
                connection.handle_tcp_down(now, local);
            }
        }
    }

    fn handle_signal(&mut self, input: SignalInput) {
        if self.link.as_ref().is_none_or(|link| link.number != input.link) {
            // Of a connection that was replaced.
            return;
        }
        let now = Instant::now();
        let signal = &mut self.session.connection().signal;
        match input.kind {
            SignalInputKind::Opened => signal.handle_opened(now),
            SignalInputKind::DialFailed(error) => signal.handle_dial_failed(now, error),
            SignalInputKind::Message(message) => signal.handle_message(now, *message),
            SignalInputKind::Closed(cause) => signal.handle_closed(now, cause),
        }
    }

    /// News that the reader has not taken yet still reach it, for as long as it reads.
    async fn close(mut self) {
        self.resolve(Err(JoinError::Unreachable(BoxError::from(
            "the session ended before it began",
        ))));
        self.act(Action::Hangup);
        while self.closing.join_next().await.is_some() {}
        // Whoever waits for the end need not wait for the reader too.
        drop(self.own);
        while self.outbox.is_waiting() {
            self.outbox.flush(S::dropped).await;
        }
    }
}
