//! A server with the proxy, and a fake livekit-server behind it that answers what it received.

use std::{net::SocketAddr, sync::Arc};

use futures::{SinkExt, StreamExt};
use storage::PgPool;
use tokio::{
    net::{TcpListener, TcpStream},
    task::AbortHandle,
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, accept_hdr_async, connect_async,
    tungstenite::{
        Error, Message,
        client::IntoClientRequest,
        handshake::server::{ErrorResponse, Request, Response},
        http,
        protocol::{CloseFrame, frame::coding::CloseCode},
    },
};
use tokio_util::sync::CancellationToken;

use crate::{
    serve::{ConnectionLimits, serve},
    signalling::SignalProxy,
    support::TestApp,
};

pub(super) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// The close code that the fake sends for the text `close`.
pub(super) const CLOSE: CloseCode = CloseCode::Library(4321);

/// The running parts of a test; they end with it.
pub(super) struct Proxied {
    pub(super) address: SocketAddr,
    pub(super) stop: CancellationToken,
    tasks: Vec<AbortHandle>,
}

impl Drop for Proxied {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

/// Starts a server whose proxy leads to a fake livekit-server below the path `/livekit`.
pub(super) async fn start(places: usize) -> Proxied {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/livekit/", listener.local_addr().unwrap());
    let fake = tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(answer(socket));
        }
    });
    start_for(&url, places, vec![fake.abort_handle()]).await
}

/// Starts a server whose proxy leads to this livekit-server.
pub(super) async fn start_for(url: &str, places: usize, mut tasks: Vec<AbortHandle>) -> Proxied {
    boot::tls::install_provider();
    let proxy = SignalProxy::with_places(url, places).unwrap();
    let pool = PgPool::connect_lazy("postgres://127.0.0.1:9/none").unwrap();
    let app = TestApp::build(pool, |state| state.signalling = Some(proxy.clone()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let serving = serve(listener, app.router.clone(), ConnectionLimits::default(), stop.clone());
    let server = tokio::spawn(async move {
        serving.await;
        drop(app);
    });
    tasks.push(server.abort_handle());
    tasks.push(tokio::spawn(proxy.run_until(stop.clone())).abort_handle());
    Proxied { address, stop, tasks }
}

impl Proxied {
    /// Opens a WebSocket at a path and query.
    pub(super) async fn connect(&self, path: &str) -> Result<(Socket, http::Response<Option<Vec<u8>>>), Error> {
        let mut request = format!("ws://{}{path}", self.address).into_client_request().unwrap();
        let headers = request.headers_mut();
        headers.insert("sec-websocket-protocol", "livekit".parse().unwrap());
        headers.insert("authorization", "Bearer the-token".parse().unwrap());
        headers.insert("cookie", "session=ours".parse().unwrap());
        connect_async(request).await
    }

    /// Sends a plain request and returns its status, headers and body.
    pub(super) async fn get(&self, path: &str) -> reqwest::Response {
        reqwest::get(format!("http://{}{path}", self.address)).await.unwrap()
    }
}

/// Answers a request whose query is `refuse` with 401 and its headers, and echoes the frames of all others. The first frame is the
/// request's target and headers.
async fn answer(socket: TcpStream) {
    let seen = Arc::new(std::sync::Mutex::new(String::new()));
    let record = Arc::clone(&seen);
    #[expect(clippy::result_large_err, reason = "tungstenite defines the type")]
    let upgrade = move |request: &Request, mut response: Response| -> Result<Response, ErrorResponse> {
        *record.lock().unwrap() = format!("{} {:?}", request.uri(), request.headers());
        if request.uri().query().is_some_and(|query| query.contains("refuse")) {
            let refusal = http::Response::builder()
                .status(401)
                .header("content-type", "text/plain");
            return Err(refusal.body(Some("no permission".to_owned())).unwrap());
        }
        response
            .headers_mut()
            .insert("sec-websocket-protocol", "livekit".parse().unwrap());
        Ok(response)
    };
    let Ok(mut socket) = accept_hdr_async(socket, upgrade).await else {
        return;
    };
    let target = seen.lock().unwrap().clone();
    let _client_may_be_gone = socket.send(Message::text(target)).await;
    while let Some(Ok(message)) = socket.next().await {
        let result = match message {
            Message::Text(text) if text.as_str() == "close" => {
                let frame = CloseFrame {
                    code: CLOSE,
                    reason: "because".into(),
                };
                socket.close(Some(frame)).await
            }
            Message::Text(_) | Message::Binary(_) => socket.send(message).await,
            _ => Ok(()),
        };
        if result.is_err() {
            return;
        }
    }
}

/// Returns the next message.
pub(super) async fn next(socket: &mut Socket) -> Option<Message> {
    socket.next().await?.ok()
}
