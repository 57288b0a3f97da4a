//! A small HTTP server for `/healthz` and `/metrics`, for roles without other HTTP endpoints.

use std::{net::SocketAddr, sync::Arc};

use axum::{Json, Router, http::StatusCode, response::IntoResponse, routing::get};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// The health of the process.
#[derive(Clone, Debug, PartialEq)]
pub struct Health {
    pub is_healthy: bool,
    /// A JSON object whose fields are added to the response.
    pub details: Value,
}

/// Called for every request to `/healthz`. Must not block.
pub type HealthCheck = Arc<dyn Fn() -> Health + Send + Sync>;

/// The server cannot listen on its port.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address} for {purpose}; is another program using it?")]
pub struct ListenError {
    pub address: SocketAddr,
    /// Purpose of the port, and the setting that changes it.
    pub purpose: &'static str,
    pub source: std::io::Error,
}

impl Health {
    /// Healthy, without details.
    pub fn ok() -> Self {
        Self {
            is_healthy: true,
            details: json!({}),
        }
    }
}

/// Returns a check that always succeeds.
pub fn always_healthy() -> HealthCheck {
    Arc::new(Health::ok)
}

/// Serves `GET /healthz`, and `GET /` as LiveKit's own egress worker does: 200 or 503 with a JSON object.
pub fn router(check: HealthCheck) -> Router {
    let answer = move || {
        let check = check.clone();
        async move { respond(check()) }
    };
    Router::new()
        .route("/healthz", get(answer.clone()))
        .route("/", get(answer))
}

/// Listens on `address`. The error names `purpose`.
pub async fn bind(address: SocketAddr, purpose: &'static str) -> Result<TcpListener, ListenError> {
    TcpListener::bind(address).await.map_err(|source| ListenError {
        address,
        purpose,
        source,
    })
}

/// Serves until `stop`, then finishes running requests.
pub async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) -> std::io::Result<()> {
    axum::serve(listener, router)
        .with_graceful_shutdown(stop.cancelled_owned())
        .await
}

fn respond(health: Health) -> impl IntoResponse {
    let (code, status) = if health.is_healthy {
        (StatusCode::OK, "ok")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "unhealthy")
    };
    let mut body = json!({ "status": status });
    if let (Value::Object(body), Value::Object(details)) = (&mut body, health.details) {
        body.extend(details);
    }
    (code, Json(body))
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    async fn get_page(address: SocketAddr, path: &str) -> String {
        let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn health_and_metrics_are_served_until_the_stop() {
        let metrics = crate::prometheus::install().unwrap();
        ::metrics::counter!("boot_test_total").increment(3);
        let sick: HealthCheck = Arc::new(|| Health {
            is_healthy: false,
            details: json!({"redis": "down"}),
        });
        let listener = bind("127.0.0.1:0".parse().unwrap(), "the test").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let pages = router(sick).merge(crate::prometheus::router(metrics));
        let server = tokio::spawn(serve(listener, pages, stop.clone()));

        let health = get_page(address, "/healthz").await;
        let page = get_page(address, "/metrics").await;
        stop.cancel();
        server.await.unwrap().unwrap();

        assert!(health.starts_with("HTTP/1.1 503"), "{health}");
        assert!(
            health.contains(r#""redis":"down""#) && health.contains(r#""status":"unhealthy""#),
            "{health}"
        );
        assert!(page.contains("boot_test_total 3"), "{page}");
    }

    #[tokio::test]
    async fn a_port_in_use_is_reported_with_its_purpose() {
        let first = bind("127.0.0.1:0".parse().unwrap(), "the test").await.unwrap();
        let address = first.local_addr().unwrap();

        let error = bind(address, "health (health_port)").await.unwrap_err();

        assert!(error.to_string().contains(&address.to_string()) && error.to_string().contains("health_port"));
    }
}
