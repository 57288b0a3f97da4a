//! Serves calls. Depending on the method, a call is handled by the server whose offer is granted, by the server that
//! acquired a lock before its offer, or by all servers.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use prost::Message;
use tokio::{
    sync::oneshot,
    time::{sleep, timeout},
};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use super::{
    bus::{Bus, BusError, Subscription},
    channel,
    envelope::{ClaimRequest, ClaimResponse, Request, Response, open, seal},
    error::{Code, RpcError},
    id,
};
use crate::{clock::unix_now, critical};

/// The longest wait for a grant, whatever expiry a request names; livekit-server's longest is 40 s.
const GRANT_TIMEOUT: Duration = Duration::from_secs(60);

/// A method of a service.
#[derive(Clone, Debug)]
pub struct Method {
    pub service: &'static str,
    pub name: &'static str,
    /// Empty for calls to any server.
    pub topic: String,
    pub delivery: Delivery,
}

/// Which servers handle a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Every server, without an offer.
    AllServers,
    /// The server whose offer the caller grants.
    Granted,
    /// The server that acquires the lock and whose offer is then granted.
    Queued,
}

/// An offer to handle a call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Offer {
    /// Above 0; 1.0 is granted at once.
    pub affinity: f32,
    /// How long to wait before the offer is made, so that a better server comes first.
    pub delay: Duration,
}

impl Offer {
    /// The best offer, without delay.
    pub const NOW: Self = Self {
        affinity: 1.0,
        delay: Duration::ZERO,
    };
}

/// The implementation of a method.
pub trait Handler: Send + Sync + 'static {
    type Request: Message + Default;
    type Response: Message;

    /// Whether to offer to handle the call. By default every call is offered for.
    fn offer(&self, _request: &Self::Request) -> Option<Offer> {
        Some(Offer::NOW)
    }

    /// Handles the call. `received` is when its message arrived.
    fn handle(
        &self,
        request: Self::Request,
        received: Instant,
    ) -> impl Future<Output = Result<Self::Response, RpcError>> + Send;
}

/// A server on the bus; clones are the same server.
#[derive(Clone)]
pub struct Server {
    bus: Bus,
    server_id: String,
    /// Calls being handled.
    tasks: TaskTracker,
}

/// A method that is being served. Dropping it ends that; calls that were already received are still handled.
pub struct Serving {
    _stop: DropGuard,
}

/// The offers that wait for the caller's choice, by request id.
type Offers = Arc<Mutex<HashMap<String, oneshot::Sender<String>>>>;

impl Server {
    pub fn new(bus: Bus) -> Self {
        Self {
            bus,
            server_id: id::server(),
            tasks: TaskTracker::new(),
        }
    }

    /// Serves a method. Returns once Redis has confirmed its channels.
    pub async fn serve<H: Handler>(&self, method: Method, handler: Arc<H>) -> Result<Serving, BusError> {
        let grants = channel::grant(method.service, method.name, &method.topic);
        let mut channels = vec![channel::request(method.service, method.name, &method.topic)];
        if method.delivery != Delivery::AllServers {
            channels.push(grants.clone());
        }
        let subscription = self.bus.subscribe(channels).await?;
        let stop = CancellationToken::new();
        let service = Service {
            server: self.clone(),
            method,
            handler,
            offers: Offers::default(),
        };
        let listen = stop
            .clone()
            .run_until_cancelled_owned(service.listen(subscription, grants));
        critical::spawn("the task that receives requests", listen);
        Ok(Serving {
            _stop: stop.drop_guard(),
        })
    }

    /// Waits until requests can be received.
    pub async fn connected(&self) {
        self.bus.connected().await;
    }

    /// Waits until every received call has been answered.
    pub async fn finish(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}

struct Service<H> {
    server: Server,
    method: Method,
    handler: Arc<H>,
    offers: Offers,
}

impl<H: Handler> Service<H> {
    async fn listen(self, mut subscription: Subscription, grants: String) {
        let this = Arc::new(self);
        while let Some(message) = subscription.recv().await {
            if message.channel == grants {
                this.handle_grant(&message.payload);
                continue;
            }
            this.server
                .tasks
                .spawn(this.clone().handle_message(message.payload, Instant::now()));
        }
    }

    /// Passes the caller's choice to the call that waits for it.
    fn handle_grant(&self, payload: &Bytes) {
        let Ok(grant) = open::<ClaimResponse>(payload) else {
            return;
        };
        if let Some(choose) = lock(&self.offers).remove(&grant.request_id) {
            let _offer_expired = choose.send(grant.server_id);
        }
    }

    async fn handle_message(self: Arc<Self>, payload: Bytes, received: Instant) {
        if self.method.delivery == Delivery::Queued && !self.server.bus.lock(&payload).await {
            return;
        }
        let request: Request = match open(&payload) {
            Ok(request) => request,
            Err(error) => return tracing::debug!(%error, method = self.method.name, "skipped a message on the bus"),
        };
        let Some(window) = request.window() else { return };
        let outcome = match H::Request::decode(request.raw_request.clone()) {
            Ok(call) => {
                if self.method.delivery != Delivery::AllServers && !self.is_granted(&request, &call, window).await {
                    return;
                }
                self.handler.handle(call, received).await
            }
            Err(error) => Err(RpcError::new(
                Code::MalformedRequest,
                format!("cannot decode the request: {error}"),
            )),
        };
        self.respond(&request, outcome).await;
    }

    /// Makes an offer and waits until the caller has chosen. Returns whether it chose this server.
    async fn is_granted(&self, request: &Request, call: &H::Request, window: Duration) -> bool {
        let Some(Offer { affinity, delay }) = self.handler.offer(call) else {
            return false;
        };
        sleep(delay).await;
        let (choose, choice) = oneshot::channel();
        // Before the offer is published, because the choice may arrive within a millisecond.
        lock(&self.offers).insert(request.request_id.clone(), choose);
        let (request_id, server_id) = (request.request_id.clone(), self.server.server_id.clone());
        let offer = ClaimRequest {
            request_id,
            server_id,
            affinity,
        };
        let offers = channel::offer(self.method.service, &request.client_id);
        let published = self.server.bus.publish(&offers, &seal(&offer)).await.is_ok();
        let granted = published
            && matches!(timeout(window.min(GRANT_TIMEOUT), choice).await, Ok(Ok(id)) if id == self.server.server_id);
        lock(&self.offers).remove(&request.request_id);
        granted
    }

    async fn respond(&self, request: &Request, outcome: Result<H::Response, RpcError>) {
        let mut response = Response {
            request_id: request.request_id.clone(),
            server_id: self.server.server_id.clone(),
            sent_at: unix_now().0,
            ..Default::default()
        };
        match outcome {
            Ok(message) => response.raw_response = message.encode_to_vec().into(),
            Err(error) => {
                response.error = error.message;
                response.code = error.code.as_str().to_owned();
            }
        }
        let responses = channel::response(self.method.service, &request.client_id);
        if let Err(error) = self.server.bus.publish(&responses, &seal(&response)).await {
            tracing::warn!(%error, method = self.method.name, "cannot publish a response");
        }
    }
}

fn lock(offers: &Offers) -> MutexGuard<'_, HashMap<String, oneshot::Sender<String>>> {
    offers.lock().unwrap_or_else(PoisonError::into_inner)
}
