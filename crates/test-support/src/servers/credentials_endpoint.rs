//! The service from which a container gets its role's credentials, as on Amazon ECS and EKS.

use std::{
    net::Ipv4Addr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use aws_sdk_s3::primitives::{DateTime, DateTimeFormat};
use axum::{Json, Router, extract::State, routing::get};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};

/// How long credentials are valid. The AWS SDK asks for others some seconds before they expire.
const LIFETIME: Duration = Duration::from_secs(15);

/// An endpoint on the loopback interface, whose credentials expire after 15 s.
#[derive(Debug)]
pub struct CredentialsEndpoint {
    port: u16,
    state: Arc<Mutex<Given>>,
    serving: JoinHandle<()>,
}

/// The credentials that are given out, and how often.
#[derive(Debug)]
struct Given {
    key: (String, String),
    times: usize,
}

impl CredentialsEndpoint {
    /// # Panics
    /// When no port is free.
    pub async fn start(key: (String, String)) -> Self {
        let state = Arc::new(Mutex::new(Given { key, times: 0 }));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .expect("a port is free");
        let port = listener.local_addr().expect("a bound socket has an address").port();
        let app = Router::new().route("/role", get(give)).with_state(state.clone());
        let serving = tokio::spawn(async move { axum::serve(listener, app).await.expect("serving does not fail") });
        Self { port, state, serving }
    }

    /// The value of `AWS_CONTAINER_CREDENTIALS_FULL_URI`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/role", self.port)
    }

    /// Gives out another key from now on.
    pub fn set(&self, key: (String, String)) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).key = key;
    }

    /// How often credentials were given out.
    pub fn times(&self) -> usize {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).times
    }
}

impl Drop for CredentialsEndpoint {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn give(State(state): State<Arc<Mutex<Given>>>) -> Json<Value> {
    let mut given = state.lock().unwrap_or_else(PoisonError::into_inner);
    given.times += 1;
    let expires_at = DateTime::from(SystemTime::now() + LIFETIME);
    let expires_at = expires_at.fmt(DateTimeFormat::DateTime).expect("the time is in range");
    Json(json!({
        "AccessKeyId": given.key.0,
        "SecretAccessKey": given.key.1,
        "Token": "of-the-role",
        "Expiration": expires_at,
    }))
}
