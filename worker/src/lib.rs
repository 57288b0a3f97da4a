//! The worker: runs jobs, transcribes recordings, and finds changes whose webhooks were lost.
//!
//! The path of a job: a row (`storage::jobs`) → a wake-up ([`relay`], [`queue`]) → a claim and a lease ([`attempt`]) →
//! its file in [`jobs`]. Words are recognized by an [`engine`] between the pure steps of the [`pipeline`]; [`reconcile`]
//! compares the platform's rooms with ours.
//!
//! Left to others: what an outcome changes in a meeting (`domain::meeting`), webhooks and the API (`server`), recording
//! (`egress`).

pub mod attempt;
pub mod backoff;
mod change;
pub mod config;
pub mod context;
mod delivery;
mod download;
pub mod engine;
mod feed;
pub mod inbox;
pub mod jobs;
mod log;
pub mod pipeline;
pub mod pools;
pub mod queue;
pub mod reconcile;
pub mod relay;
mod run;
#[cfg(test)]
mod support;
mod webhook_guard;

pub use config::WorkerConfig;
pub use context::WorkerContext;
pub use run::run;
