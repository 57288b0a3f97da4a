//! Calls a service of livekit-server. The first server that makes an offer gets the call.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use prost::Message;
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, timeout_at},
};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    bus::{Bus, BusError, BusState},
    channel,
    driver::BusMessage,
    envelope::{ClaimRequest, ClaimResponse, Request, Response, open, seal},
    id,
};
use crate::{clock::unix_now, critical};

/// How far livekit-server's clock may be ahead of ours: it drops a request whose expiry has passed by its own clock. It
/// still does nothing late, because it waits for our grant, which ends with the call.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(60);

/// The caller's side of one service.
pub struct Client {
    service: &'static str,
    client_id: String,
    bus: Bus,
    calls: Calls,
    /// Whether Redis has confirmed that replies are received.
    is_listening: watch::Receiver<bool>,
    _stop: DropGuard,
}

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    #[error("no livekit-server is subscribed to {method}")]
    NoListener { method: String },
    #[error("livekit-server did not answer {method} in time")]
    TimedOut { method: String },
    #[error("livekit-server refused {method}: {message} ({code})")]
    Refused {
        method: String,
        code: String,
        message: String,
    },
    #[error("cannot decode livekit-server's response to {method}")]
    Malformed { method: String, source: prost::DecodeError },
    #[error(transparent)]
    Bus(#[from] BusError),
}

/// A message to the caller of one call.
enum Reply {
    Offer(ClaimRequest),
    Response(Response),
}

type Calls = Arc<Mutex<HashMap<String, mpsc::UnboundedSender<Reply>>>>;

impl Client {
    /// Begins to subscribe to replies.
    pub fn new(bus: Bus, service: &'static str) -> Self {
        let client_id = id::client();
        let (calls, stop) = (Calls::default(), CancellationToken::new());
        let (listening, is_listening) = watch::channel(false);
        let replies = Replies {
            bus: bus.clone(),
            offers: channel::offer(service, &client_id),
            responses: channel::response(service, &client_id),
            calls: calls.clone(),
            listening,
        };
        let listen = stop.clone().run_until_cancelled_owned(replies.listen());
        critical::spawn("the task that receives the answers of livekit-server", listen);
        Self {
            service,
            client_id,
            bus,
            calls,
            is_listening,
            _stop: stop.drop_guard(),
        }
    }

    /// Whether a call made now would receive its reply, as far as known.
    pub fn is_ready(&self) -> bool {
        *self.is_listening.borrow() && self.bus.state() == BusState::Connected
    }

    /// Waits until replies can be received. Calls without this wait for it within their timeout.
    pub async fn ready(&self) {
        let mut is_listening = self.is_listening.clone();
        // An error means that the bus has stopped; the call will say so.
        drop(is_listening.wait_for(|is_listening| *is_listening).await);
        self.bus.connected().await;
    }

    /// Calls `method` once, and fails after `timeout`.
    pub async fn call<Q: Message, A: Message + Default>(
        &self,
        method: &str,
        request: &Q,
        timeout: Duration,
    ) -> Result<A, CallError> {
        let deadline = Instant::now() + timeout;
        if timeout_at(deadline, self.ready()).await.is_err() {
            let reason = self.bus.state().reason().to_owned();
            return Err(CallError::Bus(BusError::Disconnected(reason)));
        }
        let mut call = self.open_call();
        let outcome = timeout_at(deadline, call.run(method, request.encode_to_vec(), timeout)).await;
        let response = outcome.map_err(|_| CallError::TimedOut {
            method: method.to_owned(),
        })??;
        if !response.error.is_empty() {
            let Response {
                code, error: message, ..
            } = response;
            return Err(CallError::Refused {
                method: method.to_owned(),
                code,
                message,
            });
        }
        A::decode(response.raw_response).map_err(|source| CallError::Malformed {
            method: method.to_owned(),
            source,
        })
    }

    fn open_call(&self) -> Call<'_> {
        let request_id = id::request();
        let (to, replies) = mpsc::unbounded_channel();
        lock(&self.calls).insert(request_id.clone(), to);
        Call {
            client: self,
            request_id,
            replies,
        }
    }
}

/// A pending call; dropping it discards its replies.
struct Call<'a> {
    client: &'a Client,
    request_id: String,
    replies: mpsc::UnboundedReceiver<Reply>,
}

impl Call<'_> {
    async fn run(&mut self, method: &str, raw_request: Vec<u8>, timeout: Duration) -> Result<Response, CallError> {
        self.publish_request(method, raw_request, timeout).await?;
        let mut granted = false;
        loop {
            match self.replies.recv().await {
                // A response may come without an offer before it: newer servers can skip the offer.
                Some(Reply::Response(response)) => return Ok(response),
                Some(Reply::Offer(offer)) if !granted => {
                    granted = true;
                    self.grant(method, offer).await?;
                }
                Some(Reply::Offer(_)) => {}
                None => return Err(CallError::Bus(BusError::Stopped)),
            }
        }
    }

    async fn publish_request(&self, method: &str, raw_request: Vec<u8>, timeout: Duration) -> Result<(), CallError> {
        let Client { service, bus, .. } = self.client;
        let now = unix_now();
        let window = i64::try_from((timeout + CLOCK_TOLERANCE).as_nanos()).unwrap_or(i64::MAX);
        let request = Request {
            request_id: self.request_id.clone(),
            client_id: self.client.client_id.clone(),
            sent_at: now.0,
            expiry: now.saturating_add(window).0,
            raw_request: raw_request.into(),
        };
        let channel = channel::request(service, method, "");
        match bus.publish(&channel, &seal(&request)).await? {
            0 => Err(CallError::NoListener {
                method: method.to_owned(),
            }),
            _ => Ok(()),
        }
    }

    async fn grant(&self, method: &str, offer: ClaimRequest) -> Result<(), BusError> {
        let Client { service, bus, .. } = self.client;
        let grant = ClaimResponse {
            request_id: offer.request_id,
            server_id: offer.server_id,
        };
        bus.publish(&channel::grant(service, method, ""), &seal(&grant)).await?;
        Ok(())
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        lock(&self.client.calls).remove(&self.request_id);
    }
}

/// Passes replies to the calls that wait for them.
struct Replies {
    bus: Bus,
    /// The two channels of this client.
    offers: String,
    responses: String,
    calls: Calls,
    listening: watch::Sender<bool>,
}

impl Replies {
    async fn listen(self) {
        let channels = vec![self.offers.clone(), self.responses.clone()];
        let Ok(mut subscription) = self.bus.subscribe(channels).await else {
            return;
        };
        self.listening.send_replace(true);
        while let Some(message) = subscription.recv().await {
            self.pass_on(&message);
        }
    }

    fn pass_on(&self, message: &BusMessage) {
        let reply = if message.channel == self.offers {
            offer(&message.payload)
        } else {
            response(&message.payload)
        };
        let Some((request_id, reply)) = reply else { return };
        if let Some(call) = lock(&self.calls).get(&request_id) {
            let _caller_gave_up = call.send(reply);
        }
    }
}

fn offer(payload: &Bytes) -> Option<(String, Reply)> {
    let offer: ClaimRequest = open(payload).ok()?;
    Some((offer.request_id.clone(), Reply::Offer(offer)))
}

fn response(payload: &Bytes) -> Option<(String, Reply)> {
    let response: Response = open(payload).ok()?;
    Some((response.request_id.clone(), Reply::Response(response)))
}

fn lock(calls: &Calls) -> std::sync::MutexGuard<'_, HashMap<String, mpsc::UnboundedSender<Reply>>> {
    calls.lock().unwrap_or_else(PoisonError::into_inner)
}
