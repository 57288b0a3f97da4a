//! Rate limits per API key and per client address.

mod client;

use std::{
    hash::Hash,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    num::NonZeroU32,
    sync::Arc,
    time::Duration,
};

use axum::{
    extract::{ConnectInfo, Request, State},
    middleware::Next,
    response::Response,
};
pub use client::parse_network;
use domain::ApiKeyId;
use governor::{Quota, RateLimiter, clock::Clock, clock::DefaultClock, state::keyed::DashMapStateStore};
use ipnet::IpNet;
use tokio_util::sync::CancellationToken;

use crate::api::error::{ApiError, ApiResult};

/// Burst size in seconds' worth of requests: pages load several resources at once.
const BURST_SECONDS: u32 = 4;

/// How often idle keys and addresses are evicted.
const EVICTION_INTERVAL: Duration = Duration::from_secs(60);

type KeyedLimiter<K> = RateLimiter<K, DashMapStateStore<K>, DefaultClock>;

/// Rate limits in requests per second, and the proxies that may name client addresses.
#[derive(Clone, Debug)]
pub struct LimitOptions {
    pub per_key: NonZeroU32,
    pub per_address: NonZeroU32,
    /// Networks of proxies whose `X-Forwarded-For` is trusted.
    pub trusted_proxies: Vec<IpNet>,
}

/// The rate limiters. Clones share their state.
#[derive(Clone)]
pub struct Limits(Arc<Inner>);

struct Inner {
    keys: KeyedLimiter<ApiKeyId>,
    addresses: KeyedLimiter<IpAddr>,
    trusted_proxies: Vec<IpNet>,
}

impl Limits {
    pub fn new(options: &LimitOptions) -> Self {
        Self(Arc::new(Inner {
            keys: RateLimiter::dashmap(quota(options.per_key)),
            addresses: RateLimiter::dashmap(quota(options.per_address)),
            trusted_proxies: options.trusted_proxies.clone(),
        }))
    }

    pub fn check_key(&self, key: ApiKeyId) -> ApiResult<()> {
        check(&self.0.keys, &key)
    }

    /// Evicts idle keys and addresses until `stop`, so that memory does not grow with every address ever seen.
    pub async fn evict_idle(self, stop: CancellationToken) {
        while stop
            .run_until_cancelled(tokio::time::sleep(EVICTION_INTERVAL))
            .await
            .is_some()
        {
            self.0.keys.retain_recent();
            self.0.addresses.retain_recent();
        }
    }
}

/// Middleware: applies the limit per client address. Not for webhooks, which all come from one address.
pub async fn per_address(State(limits): State<Limits>, request: Request, next: Next) -> ApiResult<Response> {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    // Requests whose peer is unknown share one limit.
    let peer = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ConnectInfo(peer)| peer.ip());
    let client = client::address(peer, request.headers(), &limits.0.trusted_proxies);
    check(&limits.0.addresses, &client::limited_as(client))?;
    Ok(next.run(request).await)
}

fn quota(per_second: NonZeroU32) -> Quota {
    Quota::per_second(per_second)
        .allow_burst(per_second.saturating_mul(NonZeroU32::MIN.saturating_add(BURST_SECONDS - 1)))
}

fn check<K: Hash + Eq + Clone>(limiter: &KeyedLimiter<K>, key: &K) -> ApiResult<()> {
    limiter
        .check_key(key)
        .map_err(|not_until| ApiError::TooManyRequests(not_until.wait_time_from(DefaultClock::default().now())))
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn limits() -> Limits {
        Limits::new(&LimitOptions {
            per_key: NonZeroU32::MIN,
            per_address: NonZeroU32::MIN,
            trusted_proxies: Vec::new(),
        })
    }

    #[test]
    fn a_key_beyond_its_burst_is_rejected_with_a_wait_time() {
        let limits = limits();
        let (busy, quiet) = (ApiKeyId(Uuid::from_u128(1)), ApiKeyId(Uuid::from_u128(2)));

        let allowed = (0..20).take_while(|_| limits.check_key(busy).is_ok()).count();
        let refused = limits.check_key(busy);

        assert_eq!(allowed, BURST_SECONDS as usize);
        assert!(matches!(refused, Err(ApiError::TooManyRequests(wait)) if wait <= Duration::from_secs(1)));
        assert!(limits.check_key(quiet).is_ok());
    }
}
