//! A UDP relay that can drop everything.

use std::{
    collections::HashMap,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::{net::UdpSocket, task::JoinHandle};

/// Longer than any datagram.
const BUFFER_BYTES: usize = 2048;

/// A relay. It stops when it is dropped.
pub struct UdpRelay {
    pub port: u16,
    is_blocked: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

/// What all tasks of a relay share.
#[derive(Clone)]
struct Relay {
    socket: Arc<UdpSocket>,
    upstream: SocketAddr,
    is_blocked: Arc<AtomicBool>,
}

impl UdpRelay {
    /// Relays datagrams to a port of this machine, and the answers back.
    pub async fn start(upstream: u16) -> io::Result<Self> {
        let socket = Arc::new(UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await?);
        let port = socket.local_addr()?.port();
        let is_blocked = Arc::new(AtomicBool::new(false));
        let relay = Relay {
            socket,
            upstream: (Ipv4Addr::LOCALHOST, upstream).into(),
            is_blocked: is_blocked.clone(),
        };
        Ok(Self {
            port,
            is_blocked,
            task: tokio::spawn(relay.run()),
        })
    }

    pub fn set_blocked(&self, is_blocked: bool) {
        self.is_blocked.store(is_blocked, Ordering::Relaxed);
    }
}

impl Drop for UdpRelay {
    fn drop(&mut self) {
        self.set_blocked(true);
        self.task.abort();
    }
}

impl Relay {
    async fn run(self) {
        let mut clients: HashMap<SocketAddr, Arc<UdpSocket>> = HashMap::new();
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            // An error is about an earlier datagram that nobody received.
            let Ok((length, client)) = self.socket.recv_from(&mut buffer).await else {
                continue;
            };
            if self.is_blocked.load(Ordering::Relaxed) {
                continue;
            }
            let upstream = match clients.get(&client) {
                Some(upstream) => upstream.clone(),
                None => match self.open(client).await {
                    Ok(upstream) => clients.entry(client).or_insert(upstream).clone(),
                    Err(_) => continue,
                },
            };
            let _may_be_down = upstream.send(&buffer[..length]).await;
        }
    }

    /// Opens the socket that speaks for a client.
    async fn open(&self, client: SocketAddr) -> io::Result<Arc<UdpSocket>> {
        let upstream = Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?);
        upstream.connect(self.upstream).await?;
        tokio::spawn(self.clone().answer(upstream.clone(), client));
        Ok(upstream)
    }

    async fn answer(self, upstream: Arc<UdpSocket>, client: SocketAddr) {
        let mut buffer = vec![0; BUFFER_BYTES];
        // Ends with the bench: the number of clients is that of the recorder's connections.
        loop {
            let Ok(length) = upstream.recv(&mut buffer).await else {
                continue;
            };
            if !self.is_blocked.load(Ordering::Relaxed) {
                let _may_be_gone = self.socket.send_to(&buffer[..length], client).await;
            }
        }
    }
}
