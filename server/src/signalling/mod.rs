//! LiveKit's signalling at `/lk-ws`, so that clients need only the origin of this server.
//!
//! Requests and frames pass unchanged, so they are LiveKit's protocol and not part of our API: a token of `join` is checked
//! by LiveKit, and the OpenAPI document does not describe these paths.

mod proxy;
#[cfg(test)]
mod tests;
mod tunnel;
mod upstream;

pub use proxy::{SignalProxy, routes};
