//! A TCP proxy whose connections can be cut, or stop carrying anything.

use std::{io, net::Ipv4Addr, sync::Arc};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinHandle,
};

use super::signal::Frames;

/// Bytes read at once.
const BUFFER_BYTES: usize = 16 * 1024;

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    ToServer,
    ToClient,
}

/// Changes the content of messages without changing their length.
pub type Rewrite = Arc<dyn Fn(Direction, &mut [u8]) + Send + Sync>;

/// What the proxy does with connections.
#[derive(Clone, Copy, Debug, Default)]
struct Orders {
    /// Connections that were opened before the last cut are closed.
    cuts: u64,
    /// Nothing is carried, and nothing is closed: like a firewall that drops packets.
    is_blocked: bool,
}

/// A proxy. It stops when it is dropped.
pub struct TcpProxy {
    pub port: u16,
    orders: watch::Sender<Orders>,
    task: JoinHandle<()>,
}

impl TcpProxy {
    /// Carries connections to a port of this machine. With `rewrite`, they are WebSockets whose messages it changes.
    pub async fn start(upstream: u16, rewrite: Option<Rewrite>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let (orders, receiver) = watch::channel(Orders::default());
        let task = tokio::spawn(accept(listener, upstream, receiver, rewrite));
        Ok(Self { port, orders, task })
    }

    /// Closes all connections. New ones are accepted.
    pub fn cut(&self) {
        self.orders.send_modify(|orders| orders.cuts += 1);
    }

    pub fn set_blocked(&self, is_blocked: bool) {
        self.orders.send_modify(|orders| orders.is_blocked = is_blocked);
    }
}

impl Drop for TcpProxy {
    fn drop(&mut self) {
        self.cut();
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, upstream: u16, orders: watch::Receiver<Orders>, rewrite: Option<Rewrite>) {
    while let Ok((client, _)) = listener.accept().await {
        tokio::spawn(carry(client, upstream, orders.clone(), rewrite.clone()));
    }
}

/// Carries one connection until either side closes it or it is cut.
async fn carry(client: TcpStream, upstream: u16, mut orders: watch::Receiver<Orders>, rewrite: Option<Rewrite>) {
    let cuts = orders.borrow().cuts;
    let mut opened = orders.clone();
    if opened.wait_for(|orders| !orders.is_blocked).await.is_err() {
        return;
    }
    let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, upstream)).await else {
        return;
    };
    let ((client_in, client_out), (server_in, server_out)) = (client.into_split(), server.into_split());
    let to_server = Pump {
        frames: rewrite.clone().map(|rewrite| Frames::new(Direction::ToServer, rewrite)),
        orders: orders.clone(),
    };
    let to_client = Pump {
        frames: rewrite.map(|rewrite| Frames::new(Direction::ToClient, rewrite)),
        orders: orders.clone(),
    };
    tokio::select! {
        _ = orders.wait_for(|orders| orders.cuts != cuts) => {}
        _ = to_server.run(client_in, server_out) => {}
        _ = to_client.run(server_in, client_out) => {}
    }
}

/// One direction of a connection.
struct Pump {
    frames: Option<Frames>,
    orders: watch::Receiver<Orders>,
}

impl Pump {
    async fn run(mut self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) -> io::Result<()> {
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            let count = from.read(&mut buffer).await?;
            if count == 0 {
                return Ok(());
            }
            // An error means that the proxy is gone, and this task soon is.
            let _open = self.orders.wait_for(|orders| !orders.is_blocked).await.is_ok();
            match &mut self.frames {
                Some(frames) => to.write_all(&frames.push(&buffer[..count])).await?,
                None => to.write_all(&buffer[..count]).await?,
            }
        }
    }
}
