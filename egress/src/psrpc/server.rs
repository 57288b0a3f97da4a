//! Serving calls: claims for single calls, a lock for queued ones, none for calls to everybody.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use prost::Message;
use tokio::{sync::oneshot, time::timeout};
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
use crate::clock::unix_ns;

/// Longest wait for a grant, whatever expiry a request names; livekit-server's longest window is 40 s.
const MAX_GRANT_WAIT: Duration = Duration::from_secs(60);

/// A method as its service defines it.
#[derive(Clone, Debug)]
pub struct Method {
    pub service: &'static str,
    pub name: &'static str,
    /// Empty for calls to any server.
    pub topic: String,
    pub delivery: Delivery,
}

/// Who answers one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// Every server, without being chosen.
    Everybody,
    /// The server that the caller chooses among all offers.
    Chosen,
    /// The server that wins the lock and is then chosen.
    Queued,
}

/// What stands behind a method.
pub trait Handler: Send + Sync + 'static {
    type Request: Message + Default;
    type Response: Message;

    /// How much this server wants the call: above 0, an offer of 1.0 is granted at once. `None` offers nothing.
    fn affinity(&self, request: &Self::Request) -> Option<f32>;

    /// Carries the call out. `received` is when its message arrived.
    fn handle(
        &self,
        request: Self::Request,
        received: Instant,
    ) -> impl Future<Output = Result<Self::Response, RpcError>> + Send;
}

/// The server's side of the bus; clones are the same server.
#[derive(Clone)]
pub struct Server {
    bus: Bus,
    server_id: String,
    /// Calls being handled.
    tasks: TaskTracker,
}

/// A method being served; dropping it takes no new calls, those under way are finished.
pub struct Serving {
    _stop: DropGuard,
}

/// Calls that were offered for and wait for the caller's choice.
type Offers = Arc<Mutex<HashMap<String, oneshot::Sender<String>>>>;

impl Server {
    pub fn new(bus: Bus) -> Self {
        Self {
            bus,
            server_id: id::server(),
            tasks: TaskTracker::new(),
        }
    }

    /// Serves a method; returns once Redis has confirmed its channels.
    pub async fn serve<H: Handler>(&self, method: Method, handler: Arc<H>) -> Result<Serving, BusError> {
        let grants = channel::grant(method.service, method.name, &method.topic);
        let mut channels = vec![channel::request(method.service, method.name, &method.topic)];
        if method.delivery != Delivery::Everybody {
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
        tokio::spawn(
            stop.clone()
                .run_until_cancelled_owned(service.listen(subscription, grants)),
        );
        Ok(Serving {
            _stop: stop.drop_guard(),
        })
    }

    /// Waits until every call that was taken has been answered.
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
                this.grant(&message.payload);
                continue;
            }
            this.server
                .tasks
                .spawn(this.clone().take(message.payload, Instant::now()));
        }
    }

    /// Tells the waiting call whom its caller chose.
    fn grant(&self, payload: &Bytes) {
        let Ok(grant) = open::<ClaimResponse>(payload) else {
            return;
        };
        if let Some(offer) = lock(&self.offers).remove(&grant.request_id) {
            let _offer_expired = offer.send(grant.server_id);
        }
    }

    async fn take(self: Arc<Self>, payload: Bytes, received: Instant) {
        if self.method.delivery == Delivery::Queued && !self.server.bus.lock(&payload).await {
            return;
        }
        let request: Request = match open(&payload) {
            Ok(request) => request,
            Err(error) => return tracing::debug!(%error, method = self.method.name, "skipped a message on the bus"),
        };
        let Some(left) = time_left(request.expiry) else { return };
        let outcome = match H::Request::decode(request.raw_request.clone()) {
            Ok(call) => {
                if self.method.delivery != Delivery::Everybody && !self.is_chosen(&request, &call, left).await {
                    return;
                }
                self.handler.handle(call, received).await
            }
            Err(error) => Err(RpcError::new(
                Code::MalformedRequest,
                format!("the request cannot be read: {error}"),
            )),
        };
        self.answer(&request, outcome).await;
    }

    /// Offers itself and waits for the caller's choice.
    async fn is_chosen(&self, request: &Request, call: &H::Request, left: Duration) -> bool {
        let Some(affinity) = self.handler.affinity(call) else {
            return false;
        };
        let (offer, choice) = oneshot::channel();
        // Before the offer goes out, as the choice may come back within a millisecond.
        lock(&self.offers).insert(request.request_id.clone(), offer);
        let (request_id, server_id) = (request.request_id.clone(), self.server.server_id.clone());
        let claim = ClaimRequest {
            request_id,
            server_id,
            affinity,
        };
        let claims = channel::claim(self.method.service, &request.client_id);
        let published = self.server.bus.publish(&claims, &seal(&claim)).await.is_ok();
        let chosen = published && matches!(timeout(left, choice).await, Ok(Ok(id)) if id == self.server.server_id);
        lock(&self.offers).remove(&request.request_id);
        chosen
    }

    async fn answer(&self, request: &Request, outcome: Result<H::Response, RpcError>) {
        let mut response = Response {
            request_id: request.request_id.clone(),
            server_id: self.server.server_id.clone(),
            sent_at: unix_ns(),
            ..Default::default()
        };
        match outcome {
            Ok(answer) => response.raw_response = answer.encode_to_vec().into(),
            Err(error) => {
                response.error = error.message;
                response.code = error.code.as_str().to_owned();
            }
        }
        let answers = channel::response(self.method.service, &request.client_id);
        if let Err(error) = self.server.bus.publish(&answers, &seal(&response)).await {
            tracing::warn!(%error, method = self.method.name, "an answer could not be sent");
        }
    }
}

/// What is left until `expiry`; `None` if that is past.
fn time_left(expiry: i64) -> Option<Duration> {
    let left = u64::try_from(expiry.saturating_sub(unix_ns()))
        .ok()
        .filter(|left| *left > 0)?;
    Some(Duration::from_nanos(left).min(MAX_GRANT_WAIT))
}

fn lock(offers: &Offers) -> MutexGuard<'_, HashMap<String, oneshot::Sender<String>>> {
    offers.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expired_request_is_dropped_and_a_far_expiry_is_capped() {
        assert_eq!(time_left(unix_ns() - 1), None);
        assert_eq!(time_left(0), None);
        assert_eq!(time_left(i64::MIN), None);
        assert_eq!(time_left(i64::MAX), Some(MAX_GRANT_WAIT));
        assert!(time_left(unix_ns() + 1_000_000_000).is_some());
    }
}
