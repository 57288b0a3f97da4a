//! A receiver of webhooks that keeps what it gets.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

type Received = Arc<Mutex<(StatusCode, Vec<(HeaderMap, Bytes)>)>>;

pub struct Receiver {
    pub url: String,
    received: Received,
    serving: JoinHandle<()>,
}

impl Receiver {
    pub async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let received: Received = Arc::new(Mutex::new((StatusCode::OK, Vec::new())));
        let app = Router::new().route("/", post(receive)).with_state(received.clone());
        let serving = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, received, serving }
    }

    /// Answers later webhooks with this status.
    pub fn answer(&self, status: StatusCode) {
        self.received.lock().unwrap().0 = status;
    }

    pub fn received(&self) -> Vec<(HeaderMap, Bytes)> {
        self.received.lock().unwrap().1.clone()
    }

    /// The types of the events that arrived, in order.
    pub fn names(&self) -> Vec<String> {
        let name = |body: &Bytes| serde_json::from_slice::<serde_json::Value>(body).unwrap()["type"].clone();
        let received = self.received();
        let names = received.iter().map(|(_, body)| name(body));
        names.filter_map(|name| Some(name.as_str()?.to_owned())).collect()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn receive(State(received): State<Received>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let mut received = received.lock().unwrap();
    received.1.push((headers, body));
    received.0
}
