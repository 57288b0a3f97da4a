//! Serves a fake on a free port until it is dropped.

use std::net::Ipv4Addr;

use axum::Router;
use tokio::{net::TcpListener, task::JoinHandle};

/// A running HTTP server.
#[derive(Debug)]
pub struct Serving {
    pub port: u16,
    task: JoinHandle<()>,
}

impl Serving {
    /// # Panics
    /// When no port is free.
    pub async fn start(app: Router) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .expect("a port is free");
        let port = listener.local_addr().expect("a bound socket has an address").port();
        let task = tokio::spawn(async move { axum::serve(listener, app).await.expect("serving does not fail") });
        Self { port, task }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.task.abort();
    }
}
