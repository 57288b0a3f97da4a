//! Accepts connections and serves HTTP/1 on them, with limits on what a client may send and how slowly.

use std::{convert::Infallible, io, net::SocketAddr, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Request},
};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt;

/// Time that running requests get after a stop. Only streams need longer.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// Limits of one connection.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionLimits {
    /// Time for all headers of a request, from the end of the one before: a client that sends a byte now and then holds a
    /// connection no longer than one that sends nothing.
    pub header_timeout: Duration,
    /// Longest request line and headers together, in bytes. The response to longer ones is 431.
    pub header_bytes: usize,
}

impl Default for ConnectionLimits {
    /// Real headers have a few KiB and come in one packet. The timeout also closes idle connections; proxies open new ones.
    fn default() -> Self {
        Self {
            header_timeout: Duration::from_secs(30),
            header_bytes: 32 * 1024,
        }
    }
}

/// Pause after a failure to accept, for example because all file descriptors are in use.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// Serves until `stop`, then accepts no new connections and gives running requests [`DRAIN_TIMEOUT`] to finish.
pub async fn serve(listener: TcpListener, router: Router, limits: ConnectionLimits, stop: CancellationToken) {
    let connections = TaskTracker::new();
    let abort = CancellationToken::new();
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        match accepted {
            Ok((stream, peer)) => {
                let connection = serve_connection(stream, peer, router.clone(), limits, stop.clone());
                connections.spawn(abort.clone().run_until_cancelled_owned(connection));
            }
            Err(error) => pause_after(&error, &stop).await,
        }
    }
    drop(listener);
    connections.close();
    if tokio::time::timeout(DRAIN_TIMEOUT, connections.wait()).await.is_err() {
        tracing::warn!(
            "requests still running {} s after the stop were dropped",
            DRAIN_TIMEOUT.as_secs()
        );
        abort.cancel();
        connections.wait().await;
    }
}

/// A client that has gone is no reason to wait; a lack of resources is.
async fn pause_after(error: &io::Error, stop: &CancellationToken) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        return;
    }
    tracing::error!("cannot accept a connection: {error}");
    stop.run_until_cancelled(tokio::time::sleep(ACCEPT_PAUSE)).await;
}

/// Serves one connection until it ends or, after `stop`, until its running request is answered.
async fn serve_connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    limits: ConnectionLimits,
    stop: CancellationToken,
) {
    // Small responses must not wait for the acknowledgement of the packet before.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| respond(router.clone(), peer, request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_buf_size(limits.header_bytes)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, "connection ended: {error}");
    }
}

async fn respond(
    router: Router,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> Result<axum::response::Response, Infallible> {
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(ConnectInfo(peer));
    router.oneshot(request).await
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        time::Instant,
    };

    use super::*;

    const LIMITS: ConnectionLimits = ConnectionLimits {
        header_timeout: Duration::from_millis(300),
        header_bytes: 16 * 1024,
    };

    /// Longest time that a test waits for something that happens soon.
    const SOON: Duration = Duration::from_secs(20);

    struct Running {
        address: SocketAddr,
        stop: CancellationToken,
        task: tokio::task::JoinHandle<()>,
    }

    async fn start(router: Router) -> Running {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let task = tokio::spawn(serve(listener, router, LIMITS, stop.clone()));
        Running { address, stop, task }
    }

    /// Sends bytes and returns everything that is received until the server closes the connection.
    async fn exchange(address: SocketAddr, bytes: &[u8]) -> String {
        let mut socket = TcpStream::connect(address).await.unwrap();
        socket.write_all(bytes).await.unwrap();
        received(&mut socket).await
    }

    async fn received(socket: &mut TcpStream) -> String {
        let mut bytes = Vec::new();
        // A reset also ends the connection.
        let _ = tokio::time::timeout(SOON, socket.read_to_end(&mut bytes))
            .await
            .expect("the server closes");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn router() -> Router {
        let peer = async |ConnectInfo(peer): ConnectInfo<SocketAddr>| peer.to_string();
        Router::new().route("/", get(peer))
    }

    #[tokio::test]
    async fn several_requests_of_a_connection_are_served_with_the_address_of_its_peer() {
        let server = start(router()).await;
        let mut socket = TcpStream::connect(server.address).await.unwrap();
        let own = socket.local_addr().unwrap().to_string();

        let requests = "GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        socket.write_all(requests.as_bytes()).await.unwrap();

        let answers = received(&mut socket).await;
        assert_eq!(answers.matches(&own).count(), 2, "{answers}");
    }

    #[tokio::test]
    async fn a_client_that_sends_its_headers_slowly_is_cut_off() {
        let server = start(router()).await;
        let mut socket = TcpStream::connect(server.address).await.unwrap();
        let started = Instant::now();

        socket.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n").await.unwrap();
        // One header after another, for as long as the server listens.
        while started.elapsed() < SOON {
            tokio::time::sleep(LIMITS.header_timeout / 10).await;
            if socket.write_all(b"X-A: b\r\n").await.is_err() {
                break;
            }
        }

        assert!(
            started.elapsed() < SOON,
            "the server listened for {:?}",
            started.elapsed()
        );
    }

    #[tokio::test]
    async fn a_client_that_sends_nothing_is_cut_off() {
        let server = start(router()).await;

        assert_eq!(exchange(server.address, b"").await, "");
        let idle = exchange(server.address, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
        assert!(idle.starts_with("HTTP/1.1 200"), "{idle}");
    }

    #[tokio::test]
    async fn long_headers_are_refused_and_garbage_ends_the_connection() {
        let server = start(router()).await;
        let long = format!("GET / HTTP/1.1\r\nHost: x\r\nX-A: {}\r\n\r\n", "a".repeat(20 * 1024));
        let many = format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "X-A: b\r\n".repeat(1_000));

        for (bytes, status) in [
            (long.as_bytes(), "HTTP/1.1 431"),
            (many.as_bytes(), "HTTP/1.1 431"),
            (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "HTTP/1.1 400"),
            (b"GET / HTTP/9.9\r\n\r\n", "HTTP/1.1 400"),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", ""),
        ] {
            let answer = exchange(server.address, bytes).await;
            assert!(answer.starts_with(status), "{answer}");
        }
        assert!(
            exchange(server.address, b"GET / HTTP/1.0\r\n\r\n")
                .await
                .starts_with("HTTP/1.0 200")
        );
    }

    #[tokio::test]
    async fn a_stop_lets_running_requests_finish_and_closes_idle_connections() {
        let (entered, release) = (CancellationToken::new(), CancellationToken::new());
        let handler = {
            let (entered, release) = (entered.clone(), release.clone());
            move || async move {
                entered.cancel();
                release.cancelled().await;
                "done"
            }
        };
        let server = start(Router::new().route("/", get(handler))).await;
        let _idle = TcpStream::connect(server.address).await.unwrap();
        let running = tokio::spawn(exchange(server.address, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
        entered.cancelled().await;

        server.stop.cancel();
        release.cancel();

        assert!(running.await.unwrap().ends_with("done"));
        tokio::time::timeout(SOON, server.task).await.unwrap().unwrap();
        assert!(TcpStream::connect(server.address).await.is_err());
    }
}
