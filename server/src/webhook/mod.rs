//! Incoming webhooks of platforms. A webhook is a hint, not the truth: it may arrive twice, late, out of order or never.

mod ingest;
mod receive;

pub(crate) use receive::__path_livekit;
pub use receive::{WEBHOOK_TIMEOUT, livekit};

#[cfg(test)]
mod tests;
