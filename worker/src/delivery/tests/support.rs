//! A receiver of webhooks, and a worker that sends to it.

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Path, State},
    http::{HeaderMap, Response, StatusCode},
    routing::post,
};
use domain::{
    EndpointId,
    endpoint::{Endpoint, EndpointSecret, NetworkPolicy},
};
use futures::{FutureExt, StreamExt, stream};
use sqlx::PgPool;
use storage::deliveries::{Delivery, DeliveryFilter};
use tokio::sync::Notify;

use crate::{
    delivery::{Courier, DeliveryClient, resolve::Lookup},
    support::WorkerTest,
};

/// Time limit of an attempt in these tests, because some wait for it.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_millis(800);

pub const SECRET: [u8; 32] = [7; 32];

/// A request that the receiver got.
#[derive(Clone, Debug)]
pub struct Received {
    pub path: String,
    pub headers: HashMap<String, String>,
    pub body: String,
}

/// What the receiver got, and what lets its hanging requests end.
#[derive(Default)]
pub struct Inbox {
    received: Mutex<Vec<Received>>,
    pub release: Notify,
}

/// A receiver on loopback. The path decides its answer.
pub struct Receiver {
    pub address: SocketAddr,
    pub inbox: Arc<Inbox>,
    _serving: tokio_util::task::AbortOnDropHandle<()>,
}

impl Receiver {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let inbox = Arc::new(Inbox::default());
        let app = Router::new().route("/{path}", post(answer)).with_state(inbox.clone());
        let serving = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self {
            address,
            inbox,
            _serving: tokio_util::task::AbortOnDropHandle::new(serving),
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }

    pub fn received(&self, path: &str) -> Vec<Received> {
        let all = self.inbox.received.lock().unwrap().clone();
        all.into_iter().filter(|request| request.path == path).collect()
    }
}

async fn answer(
    State(inbox): State<Arc<Inbox>>,
    Path(path): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let text = |value: &axum::http::HeaderValue| value.to_str().unwrap().to_owned();
    inbox.received.lock().unwrap().push(Received {
        path: path.clone(),
        headers: headers
            .iter()
            .map(|(name, value)| (name.to_string(), text(value)))
            .collect(),
        body: String::from_utf8(body.to_vec()).unwrap(),
    });
    let response = |status: u16| Response::builder().status(status);
    match path.as_str() {
        "ok" => response(204).body(Body::empty()),
        "hang" => {
            inbox.release.notified().await;
            response(204).body(Body::empty())
        }
        "drip" => response(200).body(Body::from_stream(drip())),
        "huge" => response(200).body(Body::from_stream(stream::repeat_with(|| {
            Ok::<_, io::Error>(vec![b'x'; 65_536])
        }))),
        "error" => response(500).body(Body::from("broken\0pipe")),
        "busy" => response(429).header("retry-after", "3600").body(Body::empty()),
        "gone" => response(410).body(Body::empty()),
        "redirect" => response(302).header("location", "/ok").body(Body::empty()),
        _ => response(StatusCode::NOT_FOUND.as_u16()).body(Body::empty()),
    }
    .unwrap()
}

/// One byte every 50 ms, without end.
fn drip() -> impl futures::Stream<Item = io::Result<&'static [u8]>> + Send {
    stream::repeat(()).then(|()| async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        Ok(&b"."[..])
    })
}

/// A worker that sends to loopback only.
pub struct DeliveryTest {
    pub worker: WorkerTest,
    pub receiver: Receiver,
    pub courier: Courier,
}

impl DeliveryTest {
    pub async fn new(pool: PgPool) -> Self {
        Self::with_lookup(pool, lookup(|_| vec!["127.0.0.1"])).await
    }

    pub async fn with_lookup(pool: PgPool, lookup: Lookup) -> Self {
        let worker = WorkerTest::new(pool).await;
        let courier = Courier::new(worker.ctx.clone(), client(&["127.0.0.1/32"], lookup));
        Self {
            worker,
            receiver: Receiver::start().await,
            courier,
        }
    }

    /// Adds an endpoint at a path of the receiver.
    pub async fn endpoint(&self, path: &str) -> EndpointId {
        self.endpoint_at(self.receiver.url(path)).await
    }

    pub async fn endpoint_at(&self, url: String) -> EndpointId {
        let now = self.worker.now();
        let endpoint = Endpoint {
            id: (self.worker.ctx.ids)().into(),
            url,
            description: String::new(),
            event_types: Vec::new(),
            room: None,
            disabled: None,
            failing_since: None,
            created_at: now,
            updated_at: now,
        };
        let mut conn = self.worker.ctx.conn().await.unwrap();
        let secret = EndpointSecret(SECRET.to_vec());
        assert!(
            storage::endpoints::insert(&mut conn, &endpoint, &secret, 99)
                .await
                .unwrap()
        );
        endpoint.id
    }

    /// Adds events, which every endpoint wants.
    pub async fn happen(&self, times: i32) {
        let insert = "INSERT INTO feed (id, type, data) SELECT gen_random_uuid(), 'meeting.opened', '{}' FROM generate_series(1, $1)";
        sqlx::query(insert)
            .bind(times)
            .execute(&self.worker.ctx.pool)
            .await
            .unwrap();
        storage::feed::publish(&self.worker.ctx.pool).await.unwrap();
    }

    /// Sends everything that is due, and waits until it is sent.
    pub async fn send_due(&self) {
        while self.courier.send_due().await.unwrap() > 0 {
            self.courier.finish().await;
        }
    }

    pub async fn ledger(&self, endpoint: EndpointId) -> Vec<Delivery> {
        let filter = DeliveryFilter {
            endpoint_id: Some(endpoint),
            state: None,
        };
        let mut conn = self.worker.ctx.conn().await.unwrap();
        storage::deliveries::list(&mut conn, filter, None, 1_000).await.unwrap()
    }

    /// Returns the only delivery to an endpoint.
    pub async fn delivery(&self, endpoint: EndpointId) -> Delivery {
        let mut ledger = self.ledger(endpoint).await;
        assert_eq!(ledger.len(), 1);
        ledger.remove(0)
    }

    pub async fn stored_endpoint(&self, id: EndpointId) -> Endpoint {
        let mut conn = self.worker.ctx.conn().await.unwrap();
        storage::endpoints::find(&mut conn, id).await.unwrap().unwrap()
    }
}

/// Returns a client that may call these networks besides public ones.
pub fn client(networks: &[&str], lookup: Lookup) -> DeliveryClient {
    boot::tls::install_provider();
    let policy = NetworkPolicy {
        allowed: networks.iter().map(|network| network.parse().unwrap()).collect(),
        http: true,
    };
    DeliveryClient::with(policy, lookup, ATTEMPT_TIMEOUT).unwrap()
}

/// Returns a resolver that answers with these addresses.
pub fn lookup(answer: impl Fn(&str) -> Vec<&'static str> + Send + Sync + 'static) -> Lookup {
    Arc::new(move |name| {
        let addresses: Vec<IpAddr> = answer(&name).iter().map(|address| address.parse().unwrap()).collect();
        async move { Ok(addresses) }.boxed()
    })
}
