//! Resolves the names of endpoints, and refuses those that lead where they may not.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use domain::endpoint::NetworkPolicy;
use futures::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Asks for the addresses of a name.
pub type Lookup = Arc<dyn Fn(String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> + Send + Sync>;

/// A name leads to an address that may not be called. One is enough: an attacker who controls the name chooses which of its
/// addresses is tried first.
#[derive(Debug, thiserror::Error)]
#[error("the address of the endpoint is not public")]
pub struct RefusedAddress;

/// The resolver of the HTTP client, which connects only to what this returns: a name that changes meanwhile has no effect.
pub struct CheckedResolver {
    pub policy: Arc<NetworkPolicy>,
    pub lookup: Lookup,
}

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (policy, found) = (self.policy.clone(), (self.lookup)(name.as_str().to_owned()));
        Box::pin(async move {
            let addresses = found.await?;
            if !addresses.iter().all(|address| policy.permits(*address)) {
                return Err(RefusedAddress.into());
            }
            // The client replaces port 0 by the port of the URL.
            let addresses: Addrs = Box::new(addresses.into_iter().map(|address| SocketAddr::new(address, 0)));
            Ok(addresses)
        })
    }
}

/// Returns the system's resolver.
pub fn system_lookup() -> Lookup {
    Arc::new(|name| {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    })
}
