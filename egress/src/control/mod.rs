//! The worker's side of LiveKit's egress protocol: which requests it accepts, and what they ask for.
//!
//! - `worker_methods`: serves StartEgress and ListActiveEgress
//! - `admission`: decides which requests the worker offers to serve
//! - `start_request`: validates a request and translates it into a session's `RecordingSpec`; `redact`: removes its
//!   secrets
//! - `wire`: the messages

pub mod admission;
pub mod redact;
pub mod start_request;
pub mod wire;
pub mod worker_methods;
