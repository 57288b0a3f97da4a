//! The HTTP client of deliveries: one POST to an address that a customer chose, and thus may not be trusted.

use std::{error::Error, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use domain::endpoint::{EndpointUrl, NetworkPolicy};
use reqwest::{Response, StatusCode, header, redirect};
use storage::deliveries::{AttemptRecord, ClaimedDelivery};
use tokio::time::{Instant, timeout};

use super::{
    resolve::{CheckedResolver, Lookup, RefusedAddress, system_lookup},
    retry_after, sign,
};

/// Longest time until the endpoint's status is known: to resolve, to connect, and to wait.
pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(15);

/// Longest time to establish a connection, as a part of that.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Longest time to read the beginning of the answer's body. The status decides; the body is only for the ledger.
const BODY_TIMEOUT: Duration = Duration::from_secs(2);

/// Bytes of the answer's body that the ledger keeps.
const MAX_RESPONSE_BYTES: usize = 1_024;

/// Idle connections that are kept per host.
const IDLE_CONNECTIONS: usize = 2;

/// The end of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// 2xx: the endpoint has confirmed the message.
    Confirmed,
    /// 410: the endpoint wants no more messages.
    Gone,
    /// Anything else, or no answer. Contains the pause that the endpoint asked for.
    Failed(Option<Duration>),
}

/// Makes single attempts. Clones share connections.
#[derive(Clone)]
pub struct DeliveryClient {
    http: reqwest::Client,
    policy: Arc<NetworkPolicy>,
    timeout: Duration,
}

impl DeliveryClient {
    /// Creates a client that calls the addresses that `policy` permits.
    pub fn new(policy: NetworkPolicy) -> Result<Self, reqwest::Error> {
        Self::with(policy, system_lookup(), ATTEMPT_TIMEOUT)
    }

    /// Like [`DeliveryClient::new`], with another resolver and another [`ATTEMPT_TIMEOUT`].
    pub(super) fn with(policy: NetworkPolicy, lookup: Lookup, timeout: Duration) -> Result<Self, reqwest::Error> {
        let policy = Arc::new(policy);
        let resolver = CheckedResolver {
            policy: policy.clone(),
            lookup,
        };
        let http = reqwest::Client::builder()
            .dns_resolver(Arc::new(resolver))
            .redirect(redirect::Policy::none()) // it could lead to another address
            .no_proxy() // a proxy would resolve the name itself
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .http1_only()
            .referer(false)
            .user_agent(concat!("Trackscribe/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { http, policy, timeout })
    }

    /// Sends a message once.
    pub async fn send(&self, delivery: &ClaimedDelivery, now: DateTime<Utc>) -> (Answer, AttemptRecord) {
        let started = Instant::now();
        let (answer, mut record) = match timeout(self.timeout, self.post(delivery, now)).await {
            Ok(Ok(response)) => read(response, now).await,
            Ok(Err(error)) => failure(error),
            Err(_) => failure(format!("no answer within {:?}", self.timeout)),
        };
        record.duration = started.elapsed();
        (answer, record)
    }

    async fn post(&self, delivery: &ClaimedDelivery, now: DateTime<Utc>) -> Result<Response, String> {
        // Again, because the operator's settings may have changed since the endpoint was created.
        let url = EndpointUrl::parse(&delivery.url, &self.policy).map_err(|error| error.to_string())?;
        let (id, body, timestamp) = (delivery.event.id.to_string(), delivery.event.message(), now.timestamp());
        let request = self
            .http
            .post(url.as_url().clone())
            .header(header::CONTENT_TYPE, "application/json")
            .header(
                "webhook-signature",
                sign::signatures(&delivery.secrets, &id, timestamp, &body),
            )
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp)
            .body(body);
        request.send().await.map_err(|error| describe(&error.without_url()))
    }
}

fn failure(error: String) -> (Answer, AttemptRecord) {
    let record = AttemptRecord {
        error: Some(error),
        ..AttemptRecord::default()
    };
    (Answer::Failed(None), record)
}

/// Returns why there was no answer, in few words. What a server sent that speaks another protocol stays out of the ledger:
/// the endpoint may lead to one that its owner must not read.
fn describe(error: &reqwest::Error) -> String {
    if let Some(refused) = causes(error).find_map(|cause| cause.downcast_ref::<RefusedAddress>()) {
        return refused.to_string();
    }
    let is_tls = causes(error).any(is_tls_error);
    match error {
        _ if is_tls => "the TLS handshake failed; check the certificate",
        error if error.is_timeout() => "connecting took too long",
        error if error.is_connect() => "cannot connect",
        _ => "the connection ended without an HTTP answer",
    }
    .to_owned()
}

fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    std::iter::successors(error.source(), |cause| (*cause).source())
}

/// rustls errors arrive inside of IO errors, nested once or twice, which hide them from `source`.
fn is_tls_error(cause: &(dyn Error + 'static)) -> bool {
    let inner = cause.downcast_ref::<std::io::Error>().and_then(|error| error.get_ref());
    cause.is::<rustls::Error>() || inner.is_some_and(|inner| is_tls_error(inner))
}

async fn read(response: Response, now: DateTime<Utc>) -> (Answer, AttemptRecord) {
    let status = response.status();
    let named = response.headers().get(header::RETRY_AFTER);
    let named = named.and_then(|value| retry_after::parse(value.to_str().ok()?, now));
    let answer = match status {
        StatusCode::GONE => Answer::Gone,
        status if status.is_success() => Answer::Confirmed,
        _ => Answer::Failed(named),
    };
    let error = (answer != Answer::Confirmed).then(|| format!("the endpoint answered {}", status.as_u16()));
    let record = AttemptRecord {
        duration: Duration::ZERO,
        status: Some(status.as_u16()),
        response: Some(beginning(response).await).filter(|text| !text.is_empty()),
        error,
    };
    (answer, record)
}

/// Returns the beginning of the body as text.
async fn beginning(mut response: Response) -> String {
    let mut bytes = Vec::new();
    let reading = async {
        while bytes.len() < MAX_RESPONSE_BYTES
            && let Ok(Some(chunk)) = response.chunk().await
        {
            let room = MAX_RESPONSE_BYTES - bytes.len();
            bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
        }
    };
    let _too_slow = timeout(BODY_TIMEOUT, reading).await;
    // PostgreSQL stores no NUL.
    String::from_utf8_lossy(&bytes).replace('\0', "\u{fffd}")
}
