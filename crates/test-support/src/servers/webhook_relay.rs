//! What stands between livekit-server and our server: passes webhooks on, several times over or not at all.

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

/// Posts bodies and headers on as they came, so signatures stay good.
#[derive(Debug)]
pub struct WebhookRelay {
    port: u16,
    rules: Arc<Mutex<Rules>>,
    serving: JoinHandle<()>,
}

#[derive(Clone, Debug)]
struct Rules {
    /// Until it is known, LiveKit is told to come again.
    target: Option<String>,
    /// How often each event is posted, all at once.
    times: usize,
    /// Events that get lost: livekit-server believes that they arrived.
    lost: Vec<&'static str>,
    /// Names of events that came, in order.
    came: Vec<String>,
}

impl WebhookRelay {
    /// # Panics
    /// When no port is left on this machine.
    pub async fn start() -> Self {
        super::use_tls_provider();
        let rules = Arc::new(Mutex::new(Rules {
            target: None,
            times: 1,
            lost: Vec::new(),
            came: Vec::new(),
        }));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .expect("a port is free");
        let port = listener.local_addr().expect("a bound socket has an address").port();
        let app = Router::new()
            .route("/", post(pass_on))
            .with_state((rules.clone(), reqwest::Client::new()));
        let serving = tokio::spawn(async move { axum::serve(listener, app).await.expect("serving does not fail") });
        Self { port, rules, serving }
    }

    /// What livekit-server is to post to.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    /// Where webhooks go from here on.
    pub fn pass_on_to(&self, url: String) {
        self.change(|rules| rules.target = Some(url));
    }

    /// From here on each event is posted so often, all at once.
    pub fn repeat(&self, times: usize) {
        self.change(|rules| rules.times = times);
    }

    /// From here on events of this name get lost.
    pub fn lose(&self, event: &'static str) {
        self.change(|rules| rules.lost.push(event));
    }

    /// The names of the events that livekit-server sent, in order.
    pub fn came(&self) -> Vec<String> {
        self.change(|rules| rules.came.clone())
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

async fn pass_on(State((rules, http)): State<Shared>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let event = event_name(&body);
    let Rules {
        target, times, lost, ..
    } = {
        let mut rules = rules.lock().unwrap_or_else(PoisonError::into_inner);
        rules.came.push(event.clone());
        rules.clone()
    };
    if lost.contains(&event.as_str()) {
        return StatusCode::OK;
    }
    let Some(target) = target else {
        return StatusCode::SERVICE_UNAVAILABLE;
    };
    let posts = (0..times).map(|_| {
        let kept = [header::AUTHORIZATION, header::CONTENT_TYPE];
        let request = kept.iter().filter_map(|name| Some((name, headers.get(name)?)));
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
