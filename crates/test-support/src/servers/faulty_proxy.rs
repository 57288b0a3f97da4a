//! A TCP proxy in front of a server, whose faults a test controls: what a network and a failing server do to requests.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

/// Size of what is forwarded at once, in bytes.
const CHUNK_BYTES: usize = 16 * 1024;

/// What the proxy does to connections.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Forwards everything.
    None,
    /// Closes every connection at once.
    Refuse,
    /// Answers one connection in `one_in` itself, with this response, and forwards the others.
    Answer { one_in: u64, response: &'static str },
    /// Closes a connection after it has forwarded this many bytes to the server.
    CutAfter { bytes: u64 },
    /// Closes the connection on which the server answers a request that contains this text, instead of the answer.
    LoseAnswer { to: &'static str },
}

/// A proxy with its own port. Dropping it closes all connections.
#[derive(Debug)]
pub struct FaultyProxy {
    address: SocketAddr,
    state: Arc<State>,
    accepting: JoinHandle<()>,
}

#[derive(Debug)]
struct State {
    server: SocketAddr,
    /// The fault, and the end of the connections that have it.
    fault: Mutex<(Fault, CancellationToken)>,
    connections: AtomicU64,
    strikes: AtomicU64,
    sent_bytes: AtomicU64,
}

impl FaultyProxy {
    /// Starts a proxy before `server`, without a fault.
    ///
    /// # Panics
    /// When no port is free.
    pub async fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("the listener has an address");
        let state = Arc::new(State {
            server,
            fault: Mutex::new((Fault::None, CancellationToken::new())),
            connections: AtomicU64::default(),
            strikes: AtomicU64::default(),
            sent_bytes: AtomicU64::default(),
        });
        let accepting = tokio::spawn(accept(listener, state.clone()));
        Self {
            address,
            state,
            accepting,
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Closes all connections and gives new ones this fault.
    pub fn set(&self, fault: Fault) {
        let mut current = self.state.fault.lock().unwrap_or_else(PoisonError::into_inner);
        current.1.cancel();
        *current = (fault, CancellationToken::new());
    }

    /// How many connections a fault has ended.
    pub fn strikes(&self) -> u64 {
        self.state.strikes.load(Ordering::Relaxed)
    }

    /// How many connections clients have opened, without those that were refused.
    pub fn connections(&self) -> u64 {
        self.state.connections.load(Ordering::Relaxed)
    }

    /// How many bytes clients have sent to the server.
    pub fn sent_bytes(&self) -> u64 {
        self.state.sent_bytes.load(Ordering::Relaxed)
    }
}

impl Drop for FaultyProxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.set(Fault::Refuse);
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    while let Ok((client, _)) = listener.accept().await {
        let (fault, end) = state.fault.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let state = state.clone();
        tokio::spawn(async move {
            let number = state.connections.fetch_add(1, Ordering::Relaxed);
            // An error closes the connection, which the client sees.
            let _ended = end.run_until_cancelled(state.serve(client, fault, number)).await;
        });
    }
}

impl State {
    async fn serve(&self, client: TcpStream, fault: Fault, number: u64) -> io::Result<()> {
        match fault {
            Fault::Refuse => {
                self.strike();
                Ok(())
            }
            Fault::Answer { one_in, response } if number.is_multiple_of(one_in) => {
                self.strike();
                answer(client, response).await
            }
            fault => self.forward(client, &fault).await,
        }
    }

    async fn forward(&self, mut client: TcpStream, fault: &Fault) -> io::Result<()> {
        let mut server = TcpStream::connect(self.server).await?;
        let (mut up, mut down) = (vec![0; CHUNK_BYTES], vec![0; CHUNK_BYTES]);
        let (mut sent, mut is_marked) = (0, false);
        loop {
            tokio::select! {
                read = client.read(&mut up) => {
                    let bytes = &up[..read?];
                    if bytes.is_empty() {
                        return Ok(());
                    }
                    sent += bytes.len() as u64;
                    self.sent_bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
                    if matches!(fault, Fault::CutAfter { bytes } if sent > *bytes) {
                        self.strike();
                        return Ok(());
                    }
                    is_marked |= matches!(fault, Fault::LoseAnswer { to } if contains(bytes, to));
                    server.write_all(bytes).await?;
                }
                read = server.read(&mut down) => {
                    let bytes = &down[..read?];
                    if bytes.is_empty() {
                        return Ok(());
                    }
                    if is_marked {
                        self.strike();
                        return Ok(());
                    }
                    client.write_all(bytes).await?;
                }
            }
        }
    }

    fn strike(&self) {
        self.strikes.fetch_add(1, Ordering::Relaxed);
    }
}

/// Sends the response, and reads what the client still sends, so that the client sees the response.
async fn answer(mut client: TcpStream, response: &str) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK_BYTES];
    let _beginning_of_request = client.read(&mut buffer).await?;
    client.write_all(response.as_bytes()).await?;
    client.shutdown().await?;
    while client.read(&mut buffer).await? > 0 {}
    Ok(())
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}
