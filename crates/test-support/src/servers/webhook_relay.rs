//! A proxy between livekit-server and our server that forwards webhooks, repeats them or drops them.

use std::{
    net::Ipv4Addr,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    routing::post,
};
use futures::future::join_all;
use tokio::{net::TcpListener, task::JoinHandle};

/// Forwards bodies and headers unchanged, so signatures stay valid.
#[derive(Debug)]
pub struct WebhookRelay {
    port: u16,
    rules: Arc<Mutex<Rules>>,
    serving: JoinHandle<()>,
}

#[derive(Clone, Debug)]
struct Rules {
    /// Where events go. Without a target they are answered 503, so LiveKit sends them again.
    target: Option<String>,
    /// How many copies of each event are posted at once.
    copies: usize,
    /// Events that are answered 200 and not forwarded.
    dropped: Vec<&'static str>,
    /// Names of the events that arrived, in order.
    received: Vec<String>,
}

impl WebhookRelay {
    /// # Panics
    /// When no port is free.
    pub async fn start() -> Self {
        crate::use_tls_provider();
        let rules = Arc::new(Mutex::new(Rules {
            target: None,
            copies: 1,
            dropped: Vec::new(),
            received: Vec::new(),
        }));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .expect("a port is free");
        let port = listener.local_addr().expect("a bound socket has an address").port();
        let app = Router::new()
            .route("/", post(forward))
            .with_state((rules.clone(), reqwest::Client::new()));
        let serving = tokio::spawn(async move { axum::serve(listener, app).await.expect("serving does not fail") });
        Self { port, rules, serving }
    }

    /// The URL for livekit-server.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    /// Forwards later events to `url`.
    pub fn forward_to(&self, url: String) {
        self.change(|rules| rules.target = Some(url));
    }

    /// Posts so many copies of each later event, all at once.
    pub fn repeat(&self, copies: usize) {
        self.change(|rules| rules.copies = copies);
    }

    /// Drops later events with this name; livekit-server takes them for delivered.
    pub fn drop_events(&self, name: &'static str) {
        self.change(|rules| rules.dropped.push(name));
    }

    /// The names of the events that livekit-server sent, in order.
    pub fn received(&self) -> Vec<String> {
        self.change(|rules| rules.received.clone())
    }

    fn change<T>(&self, change: impl FnOnce(&mut Rules) -> T) -> T {
        change(&mut self.rules.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for WebhookRelay {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

type Shared = (Arc<Mutex<Rules>>, reqwest::Client);

async fn forward(State((rules, http)): State<Shared>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let event = event_name(&body);
    let Rules {
        target,
        copies,
        dropped,
        ..
    } = {
        let mut rules = rules.lock().unwrap_or_else(PoisonError::into_inner);
        rules.received.push(event.clone());
        rules.clone()
    };
    if dropped.contains(&event.as_str()) {
        return StatusCode::OK;
    }
    let Some(target) = target else {
        return StatusCode::SERVICE_UNAVAILABLE;
    };
    let posts = (0..copies).map(|_| {
        let signed_headers = [header::AUTHORIZATION, header::CONTENT_TYPE];
        let request = signed_headers
            .iter()
            .filter_map(|name| Some((name, headers.get(name)?)));
        request
            .fold(http.post(&target), |request, (name, value)| request.header(name, value))
            .body(body.clone())
            .send()
    });
    let answers = join_all(posts).await;
    let worst = answers
        .into_iter()
        .map(|answer| answer.map_or(StatusCode::BAD_GATEWAY, |answer| answer.status()));
    worst.max().unwrap_or(StatusCode::OK)
}

fn event_name(body: &[u8]) -> String {
    let event: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    event
        .and_then(|event| Some(event["event"].as_str()?.to_owned()))
        .unwrap_or_default()
}
