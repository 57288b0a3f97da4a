//! Accepts clients and connects each to livekit-server.

use std::{net::SocketAddr, sync::Arc};

use anyhow::anyhow;
use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Request, State},
    http::{HeaderValue, StatusCode, header},
    response::Response,
    routing::get,
};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    tunnel,
    upstream::{self, Upstream},
};
use crate::{
    api::error::{ApiError, ApiResult},
    state::AppState,
};

/// Where livekit-server's paths begin here.
const PREFIX: &str = "/lk-ws";

/// What clients of LiveKit call: signalling and, after a refusal, the reason, each in the old and the new form; and the
/// root, with which browsers warm up their connection.
const PATHS: [&str; 5] = ["", "/rtc", "/rtc/validate", "/rtc/v1", "/rtc/v1/validate"];

/// Most clients at a time. Each costs two sockets and the tunnel's buffers, 64 MB in all.
const MAX_CLIENTS: usize = 2_000;

/// The proxy. Clones share its connections.
#[derive(Clone)]
pub struct SignalProxy(Arc<Inner>);

struct Inner {
    upstream: Upstream,
    places: Arc<Semaphore>,
    stop: CancellationToken,
    tunnels: TaskTracker,
}

/// The place of one client; dropping it makes room for another.
struct Place(#[expect(dead_code, reason = "held until it is dropped")] OwnedSemaphorePermit);

/// Returns the paths that are forwarded.
pub fn routes() -> Router<AppState> {
    PATHS.into_iter().fold(Router::new(), |router, path| {
        router.route(&format!("{PREFIX}{path}"), get(forward))
    })
}

impl SignalProxy {
    /// Creates a proxy to the livekit-server at a URL of scheme `ws`, `wss`, `http` or `https`. Opens no connection.
    ///
    /// # Errors
    /// The URL is not valid, or there is no TLS provider.
    pub fn new(livekit_url: &str) -> anyhow::Result<Self> {
        Self::with_places(livekit_url, MAX_CLIENTS)
    }

    pub(super) fn with_places(livekit_url: &str, places: usize) -> anyhow::Result<Self> {
        Ok(Self(Arc::new(Inner {
            upstream: Upstream::new(livekit_url)?,
            places: Arc::new(Semaphore::new(places)),
            stop: CancellationToken::new(),
            tunnels: TaskTracker::new(),
        })))
    }

    /// Ends all connections when `stop` is cancelled, and returns when they have ended. LiveKit's clients then reconnect,
    /// to another server or to the next process.
    pub async fn run_until(self, stop: CancellationToken) {
        stop.cancelled().await;
        self.0.stop.cancel();
        self.0.tunnels.close();
        self.0.tunnels.wait().await;
    }

    fn place(&self) -> ApiResult<Place> {
        let permit = Arc::clone(&self.0.places).try_acquire_owned();
        permit.map(Place::new).map_err(|_| ApiError::Unavailable {
            what: "signalling",
            why: anyhow!("there are as many clients as there may be"),
        })
    }

    async fn forward(&self, mut request: Request) -> ApiResult<Response> {
        let place = self.place()?;
        let upgrade = upstream::is_upgrade(&request).then(|| hyper::upgrade::on(&mut request));
        let path = request.uri().path().strip_prefix(PREFIX).unwrap_or_default();
        let forwarded = self.0.upstream.request(path, &request, peer(&request));
        drop(request);
        let answer = upstream::send(forwarded).await?;
        match (answer.status() == StatusCode::SWITCHING_PROTOCOLS, upgrade) {
            (true, Some(upgrade)) => Ok(self.open_tunnel(answer, upgrade, place)),
            (true, None) => Err(upstream::failed(anyhow!("it upgraded a plain request"))),
            (false, _) => upstream::plain_response(answer).await,
        }
    }

    /// Returns the answer to an upgrade. The frames begin to pass when the client has it.
    fn open_tunnel(&self, answer: reqwest::Response, upgrade: OnUpgrade, place: Place) -> Response {
        let response = upstream::head_of(&answer, Body::empty());
        let stop = self.0.stop.clone();
        self.0.tunnels.spawn(async move {
            let _place = place;
            stop.run_until_cancelled(async {
                match tokio::try_join!(async { upgrade.await.map_err(anyhow::Error::from) }, async {
                    answer.upgrade().await.map_err(|error| error.without_url().into())
                }) {
                    Ok((client, livekit)) => tunnel::run(TokioIo::new(client), livekit, tunnel::IDLE_TIMEOUT).await,
                    Err(error) => tracing::debug!("a signalling connection ended before it began: {error:#}"),
                }
            })
            .await;
        });
        response
    }
}

impl Place {
    fn new(permit: OwnedSemaphorePermit) -> Self {
        metrics::gauge!("trackscribe_signalling_connections").increment(1);
        Self(permit)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        metrics::gauge!("trackscribe_signalling_connections").decrement(1);
    }
}

async fn forward(State(app): State<AppState>, request: Request) -> ApiResult<Response> {
    let proxy = app.signalling.ok_or(ApiError::NoRoute)?;
    let mut response = proxy.forward(request).await?;
    // an answer may depend on the token in the query
    let no_store = HeaderValue::from_static("no-store");
    response.headers_mut().insert(header::CACHE_CONTROL, no_store);
    Ok(response)
}

fn peer(request: &Request) -> Option<SocketAddr> {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    peer.map(|ConnectInfo(peer)| *peer)
}
