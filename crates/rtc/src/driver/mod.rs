//! The sockets, the clock and the runtime around a [`Session`]. Decides nothing.

mod ice_tcp;
mod outbox;
mod run;
mod udp;
mod websocket;

use std::{net::SocketAddr, time::Instant};

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot, watch};

use self::outbox::Outbox;
use crate::{
    config::ConnectConfig,
    error::JoinError,
    rtc_engine::{Action, Connection},
    signal::Own,
};

/// What the driver drives: a subscriber or a publisher. No IO inside.
pub(crate) trait Session: Send + 'static {
    type Command: Send + 'static;
    type Event: Send + 'static;

    /// Takes what comes from the sockets.
    fn connection(&mut self) -> &mut Connection;
    fn handle_command(&mut self, now: Instant, command: Self::Command);
    /// Nobody holds a handle any more.
    fn handle_abandoned(&mut self);
    fn handle_timeout(&mut self, now: Instant);
    /// To be read until `Wait` or `Done`, each output done before the next is read.
    fn poll_output(&mut self, now: Instant) -> Output<Self::Event>;
    /// Whether an event may be dropped when its reader is slow.
    fn is_expendable(event: &Self::Event) -> bool;
    /// Tells the reader how many events were dropped.
    fn dropped(count: u64) -> Option<Self::Event>;
}

#[derive(Debug)]
pub(crate) enum Output<E> {
    Action(Action),
    Event(E),
    /// The join succeeded, or a later one after a loss.
    Joined(Own),
    /// The first join failed. `Done` follows.
    Failed(JoinError),
    Wait(Option<Instant>),
    Done,
}

/// What comes from a TCP stream of ICE.
#[derive(Debug)]
pub(crate) enum TcpInput {
    Up {
        local: SocketAddr,
        remote: SocketAddr,
        frames: mpsc::Sender<Vec<u8>>,
    },
    Frame {
        local: SocketAddr,
        remote: SocketAddr,
        frame: Bytes,
    },
    Down {
        local: SocketAddr,
    },
}

/// A session that has joined. When `own` closes, it is over and everything is closed.
pub(crate) struct Running<S: Session> {
    pub commands: mpsc::UnboundedSender<S::Command>,
    pub events: mpsc::Receiver<S::Event>,
    pub own: watch::Receiver<Own>,
}

/// Starts `session` in a task of its own and waits until it has joined. Dropping the future leaves again.
pub(crate) async fn start<S: Session>(
    session: S,
    config: ConnectConfig,
    event_capacity: usize,
) -> Result<Running<S>, JoinError> {
    // Unbounded: commands are rare, and a handle must never wait for the network.
    let (commands, command_receiver) = mpsc::unbounded_channel();
    let (event_sender, events) = mpsc::channel(event_capacity);
    let (own_sender, own) = watch::channel(Own::default());
    let (ready_sender, ready) = oneshot::channel();
    let driver = run::Driver::new(session, config, Outbox::new(event_sender), own_sender, ready_sender);
    // Ends when all handles are gone or the session is over, so it needs no tracker.
    tokio::spawn(driver.run(command_receiver));
    match ready.await {
        Ok(Ok(())) => Ok(Running { commands, events, own }),
        Ok(Err(error)) => Err(error),
        Err(_closed) => Err(JoinError::Unreachable("the session ended before it began".into())),
    }
}
