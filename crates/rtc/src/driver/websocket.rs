//! One signalling WebSocket in a task of its own, so that a slow one never holds up media.

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

/// A write that takes longer means a dead peer.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// For the last message and the closing handshake.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
/// Of a refusal's text that is kept: it ends up in logs and errors.
const MAX_REFUSAL_CHARS: usize = 300;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// What comes from a WebSocket, with the number of the one that it came from.
#[derive(Debug)]
pub(super) struct SignalInput {
    pub link: u64,
    pub kind: SignalInputKind,
}

#[derive(Debug)]
pub(super) enum SignalInputKind {
    Opened,
    DialFailed(DialError),
    Message(Box<Response>),
    Closed(BoxError),
}

/// A WebSocket that is open or being opened. Dropping `requests` closes it when all is sent.
#[derive(Debug)]
pub(super) struct Link {
    pub number: u64,
    /// Unbounded: a few small messages a minute.
    pub requests: mpsc::UnboundedSender<Request>,
    pub task: JoinHandle<()>,
}

impl Link {
    pub fn open(number: u64, url: Url, token: SecretString, inputs: mpsc::Sender<SignalInput>) -> Self {
        let (requests, queue) = mpsc::unbounded_channel();
        let reporter = Reporter { link: number, inputs };
        let task = tokio::spawn(async move {
            match connect(url, &token).await {
                Ok(socket) => {
                    reporter.report(SignalInputKind::Opened).await;
                    let cause = talk(socket, queue, &reporter).await;
                    reporter.report(SignalInputKind::Closed(cause)).await;
                }
                Err(error) => reporter.report(SignalInputKind::DialFailed(error)).await,
            }
        });
        Self { number, requests, task }
    }

    /// Sends what is queued and says good-bye, in bounded time.
    pub async fn close(self) {
        drop(self.requests);
        let mut task = self.task;
        if timeout(2 * CLOSE_TIMEOUT, &mut task).await.is_err() {
            task.abort();
        }
    }
}

struct Reporter {
    link: u64,
    inputs: mpsc::Sender<SignalInput>,
}

impl Reporter {
    async fn report(&self, kind: SignalInputKind) {
        let _driver_may_be_gone = self.inputs.send(SignalInput { link: self.link, kind }).await;
    }
}

async fn connect(url: Url, token: &SecretString) -> Result<Socket, DialError> {
    provide_tls();
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

/// Reads and writes until one side ends it; gives the reason.
async fn talk(mut socket: Socket, mut queue: mpsc::UnboundedReceiver<Request>, reporter: &Reporter) -> BoxError {
    loop {
        tokio::select! {
            request = queue.recv() => {
                let Some(request) = request else {
                    let _in_time_or_not = timeout(CLOSE_TIMEOUT, socket.close(None)).await;
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
                    Ok(None) => tracing::debug!("a message of a later protocol"),
                    Err(error) => return error.into(),
                },
                Some(Ok(Message::Close(_))) | None => return "closed by LiveKit".into(),
                // The library answers pings itself.
                Some(Ok(_)) => {}
                Some(Err(error)) => return error.into(),
            },
        }
    }
}

/// Without a default provider the TLS library panics. Err means that there is one already.
fn provide_tls() {
    let _already_there = rustls::crypto::aws_lc_rs::default_provider().install_default();
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
    fn a_refusal_keeps_its_text_short_and_printable() {
        let body = format!("no\r\n{}\u{1b}[31m", "x".repeat(9999)).into_bytes();
        let response = http::Response::builder().status(401).body(Some(body)).unwrap();

        let DialError::Refused { status, text } = refused(&response) else {
            panic!("not a refusal")
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
