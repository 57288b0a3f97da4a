//! One signalling WebSocket in a separate task, so that a slow socket never delays media.

use std::time::Duration;

use futures::{SinkExt, StreamExt};
use livekit_protocol::{signal_request::Message as Request, signal_response::Message as Response};
use secrecy::{ExposeSecret, SecretString};
use tokio::{net::TcpStream, sync::mpsc, task::JoinHandle, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async_with_config,
    tungstenite::{
        self, Message,
        client::IntoClientRequest,
        http::{self, HeaderValue, header::AUTHORIZATION},
        protocol::WebSocketConfig,
    },
};
use url::Url;

use crate::{
    error::BoxError,
    signal::{
        DialError,
        wire::{self, MAX_FRAME_BYTES},
    },
};

/// A write that takes longer means that the peer is dead.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// For the last message, and again for the closing handshake.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
/// How much of a refusal's text is kept, because it ends up in logs and errors.
const MAX_REFUSAL_CHARS: usize = 300;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// An input from a signalling socket.
#[derive(Debug)]
pub(super) struct SignalInput {
    /// The id of the [`SignalSocket`] that it came from.
    pub socket: u64,
    pub kind: SignalInputKind,
}

#[derive(Debug)]
pub(super) enum SignalInputKind {
    Opened,
    DialFailed(DialError),
    Message(Box<Response>),
    Closed(BoxError),
}

/// A signalling WebSocket that is open or being opened.
#[derive(Debug)]
pub(super) struct SignalSocket {
    id: u64,
    /// Unbounded: a few small messages a minute. When it is dropped, the task sends what is queued and closes.
    requests: mpsc::UnboundedSender<Request>,
    task: JoinHandle<()>,
}

impl SignalSocket {
    /// Starts opening a WebSocket. What happens to it is sent to `inputs`, marked with `id`.
    pub fn open(id: u64, url: Url, token: SecretString, inputs: mpsc::Sender<SignalInput>) -> Self {
        let (requests, queue) = mpsc::unbounded_channel();
        let reporter = Reporter { socket: id, inputs };
        let task = tokio::spawn(async move {
            match connect(url, &token).await {
                Ok(socket) => {
                    reporter.report(SignalInputKind::Opened).await;
                    let cause = exchange_messages(socket, queue, &reporter).await;
                    reporter.report(SignalInputKind::Closed(cause)).await;
                }
                Err(error) => reporter.report(SignalInputKind::DialFailed(error)).await,
            }
        });
        Self { id, requests, task }
    }

    pub fn id(&self) -> u64 {
        self.id
    }

    /// Queues a message.
    pub fn send(&self, request: Request) {
        // A socket that has just closed reports that itself.
        let _may_be_closed = self.requests.send(request);
    }

    /// Drops the socket without sending what is queued.
    pub fn abort(self) {
        self.task.abort();
    }

    /// Sends what is queued and closes the WebSocket, within twice [`CLOSE_TIMEOUT`].
    pub async fn close(self) {
        drop(self.requests);
        let mut task = self.task;
        if timeout(2 * CLOSE_TIMEOUT, &mut task).await.is_err() {
            task.abort();
        }
    }
}

struct Reporter {
    socket: u64,
    inputs: mpsc::Sender<SignalInput>,
}

impl Reporter {
    async fn report(&self, kind: SignalInputKind) {
        let input = SignalInput {
            socket: self.socket,
            kind,
        };
        let _driver_may_be_gone = self.inputs.send(input).await;
    }
}

async fn connect(url: Url, token: &SecretString) -> Result<Socket, DialError> {
    install_tls_provider();
    let mut request = url.as_str().into_client_request().map_err(unreachable)?;
    let mut bearer = HeaderValue::try_from(format!("Bearer {}", token.expose_secret())).map_err(unreachable)?;
    bearer.set_sensitive(true);
    request.headers_mut().insert(AUTHORIZATION, bearer);
    let config = WebSocketConfig::default()
        .max_message_size(Some(MAX_FRAME_BYTES))
        .max_frame_size(Some(MAX_FRAME_BYTES));
    match connect_async_with_config(request, Some(config), true).await {
        Ok((socket, _response)) => Ok(socket),
        Err(tungstenite::Error::Http(response)) => Err(refused(&response)),
        Err(error) => Err(unreachable(error)),
    }
}

/// Reads and writes until one side closes the socket. Returns why it closed.
async fn exchange_messages(
    mut socket: Socket,
    mut queue: mpsc::UnboundedReceiver<Request>,
    reporter: &Reporter,
) -> BoxError {
    loop {
        tokio::select! {
            request = queue.recv() => {
                let Some(request) = request else {
                    let _may_time_out = timeout(CLOSE_TIMEOUT, socket.close(None)).await;
                    return "closed by us".into();
                };
                let frame = Message::Binary(wire::encode(request).into());
                match timeout(WRITE_TIMEOUT, socket.send(frame)).await {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => return error.into(),
                    Err(elapsed) => return elapsed.into(),
                }
            }
            frame = socket.next() => match frame {
                Some(Ok(Message::Binary(frame))) => match wire::decode(&frame) {
                    Ok(Some(message)) => reporter.report(SignalInputKind::Message(message.into())).await,
                    Ok(None) => tracing::debug!("ignoring a message of a newer protocol version"),
                    Err(error) => return error.into(),
                },
                Some(Ok(Message::Close(_))) | None => return "closed by LiveKit".into(),
                // The library answers pings by itself.
                Some(Ok(_)) => {}
                Some(Err(error)) => return error.into(),
            },
        }
    }
}

/// Sets the process-wide TLS provider, without which the TLS library panics.
fn install_tls_provider() {
    let _already_installed = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

fn refused(response: &http::Response<Option<Vec<u8>>>) -> DialError {
    let body = response.body().as_deref().unwrap_or_default();
    let text: String = String::from_utf8_lossy(body)
        .trim()
        .chars()
        .filter(|char| !char.is_control())
        .take(MAX_REFUSAL_CHARS)
        .collect();
    let text = if text.is_empty() {
        "no reason given".to_owned()
    } else {
        text
    };
    DialError::Refused {
        status: response.status().as_u16(),
        text,
    }
}

fn unreachable(error: impl Into<BoxError>) -> DialError {
    DialError::Unreachable(error.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_a_refusal_is_shortened_and_printable() {
        let body = format!("no\r\n{}\u{1b}[31m", "x".repeat(9999)).into_bytes();
        let response = http::Response::builder().status(401).body(Some(body)).unwrap();

        let DialError::Refused { status, text } = refused(&response) else {
            panic!("expected a refusal")
        };

        assert_eq!((status, text.chars().count()), (401, MAX_REFUSAL_CHARS));
        assert!(text.starts_with("noxxx"));
    }

    #[test]
    fn a_refusal_without_text_says_so() {
        let response = http::Response::builder().status(404).body(None).unwrap();

        assert!(matches!(refused(&response), DialError::Refused { status: 404, text } if text == "no reason given"));
    }
}
