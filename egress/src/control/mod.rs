//! The worker's side of LiveKit's bus: which requests are taken on, what they ask for, and what livekit-server is told.

pub mod admission;
pub mod order;
pub mod redact;
pub mod report;
pub mod request;
pub mod wire;
