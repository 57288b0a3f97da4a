//! The worker's side of LiveKit's bus: which requests are taken on, what they ask for, and what livekit-server is told.

pub mod admission;
pub mod redact;
pub mod start_request;
pub mod wire;
pub mod worker_methods;
