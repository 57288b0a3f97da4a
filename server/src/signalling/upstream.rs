//! Requests to livekit-server, and its answers. Only headers that clients of LiveKit need are passed.

use std::{net::SocketAddr, time::Duration};

use anyhow::Context;
use axum::{
    body::Body,
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, header},
    response::Response,
};
use futures::StreamExt;
use reqwest::{Client, RequestBuilder, Url, redirect::Policy};

use crate::api::error::{ApiError, ApiResult};

/// Timeout for the connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Timeout for the answer. livekit-server tries a join up to three times, for 3 + 4 + 5 s, before it answers. Less than the
/// limit for all requests.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

/// Most bytes of an answer that is no upgrade: the reason of a refusal.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

const REQUEST_HEADERS: [HeaderName; 8] = [
    header::AUTHORIZATION,
    header::ORIGIN,
    header::USER_AGENT,
    header::SEC_WEBSOCKET_EXTENSIONS,
    header::SEC_WEBSOCKET_KEY,
    header::SEC_WEBSOCKET_PROTOCOL,
    header::SEC_WEBSOCKET_VERSION,
    FORWARDED_FOR,
];

const RESPONSE_HEADERS: [HeaderName; 8] = [
    header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
    header::ACCESS_CONTROL_ALLOW_ORIGIN,
    header::CONTENT_TYPE,
    header::RETRY_AFTER,
    header::SEC_WEBSOCKET_ACCEPT,
    header::SEC_WEBSOCKET_EXTENSIONS,
    header::SEC_WEBSOCKET_PROTOCOL,
    header::VARY,
];

/// livekit-server, as the target of requests.
pub(super) struct Upstream {
    client: Client,
    url: Url,
}

impl Upstream {
    pub(super) fn new(livekit_url: &str) -> anyhow::Result<Self> {
        let url = match livekit_url.strip_prefix("ws") {
            Some(rest) => format!("http{rest}"),
            None => livekit_url.to_owned(),
        };
        let client = Client::builder()
            .http1_only()
            .redirect(Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .build();
        Ok(Self {
            client: client.context("cannot create an HTTP client for signalling")?,
            url: url.parse().context("LIVEKIT_URL is not valid")?,
        })
    }

    /// Returns a client's request as one to a path of livekit-server.
    pub(super) fn request(&self, path: &str, request: &Request, peer: Option<SocketAddr>) -> RequestBuilder {
        let mut url = self.url.clone();
        url.set_path(&format!("{}{path}", self.url.path().trim_end_matches('/')));
        url.set_query(request.uri().query());
        self.client.get(url).headers(headers(request, peer))
    }
}

/// Sends a request and waits for the start of its answer.
pub(super) async fn send(request: RequestBuilder) -> ApiResult<reqwest::Response> {
    let answer = tokio::time::timeout(ANSWER_TIMEOUT, request.send()).await;
    // the URL holds the token
    answer
        .map_err(|_| failed(anyhow::anyhow!("no answer within {} s", ANSWER_TIMEOUT.as_secs())))?
        .map_err(|error| failed(error.without_url().into()))
}

/// Whether the request wants to become a WebSocket.
pub(super) fn is_upgrade(request: &Request) -> bool {
    let upgrade = request.headers().get(header::UPGRADE);
    upgrade.is_some_and(|protocol| protocol.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

pub(super) fn failed(why: anyhow::Error) -> ApiError {
    ApiError::BadGateway {
        what: "livekit-server",
        why,
    }
}

/// Returns an answer without upgrade, a refusal for example.
pub(super) async fn plain_response(answer: reqwest::Response) -> ApiResult<Response> {
    let response = head_of(&answer, ());
    let mut body = Vec::new();
    let mut chunks = answer.bytes_stream();
    while let Some(chunk) = chunks.next().await {
        body.extend(chunk.map_err(|error| failed(error.without_url().into()))?);
        if body.len() > MAX_ANSWER_BYTES {
            return Err(failed(anyhow::anyhow!("its answer exceeds {MAX_ANSWER_BYTES} bytes")));
        }
    }
    Ok(response.map(|()| Body::from(body)))
}

/// Returns status and headers of an answer with this body.
pub(super) fn head_of<B>(answer: &reqwest::Response, body: B) -> Response<B> {
    let mut response = Response::new(body);
    *response.status_mut() = answer.status();
    copy(&RESPONSE_HEADERS, answer.headers(), response.headers_mut());
    if answer.status() == reqwest::StatusCode::SWITCHING_PROTOCOLS {
        add_upgrade(response.headers_mut());
    }
    response
}

fn headers(request: &Request, peer: Option<SocketAddr>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    copy(&REQUEST_HEADERS, request.headers(), &mut headers);
    if is_upgrade(request) {
        add_upgrade(&mut headers);
    }
    if let Some(peer) = peer.and_then(|peer| HeaderValue::try_from(peer.ip().to_string()).ok()) {
        headers.append(FORWARDED_FOR, peer);
    }
    headers
}

fn add_upgrade(headers: &mut HeaderMap) {
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
}

fn copy(names: &[HeaderName], from: &HeaderMap, to: &mut HeaderMap) {
    for name in names {
        for value in from.get_all(name) {
            to.append(name.clone(), value.clone());
        }
    }
}
