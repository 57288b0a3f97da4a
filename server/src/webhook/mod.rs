//! Incoming webhooks of platforms. A webhook is a hint, not the truth: it may arrive twice, late, out of order or never.

mod ingest;
mod receive;

pub(crate) use receive::{__path_daily, __path_livekit, __path_whereby};
pub use receive::{WEBHOOK_TIMEOUT, daily, livekit, whereby};

#[cfg(test)]
mod tests;
