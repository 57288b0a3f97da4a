//! The worker: takes jobs, turns recordings into one transcript, and looks for what no webhook told us.
//!
//! The path of a job: a row (`storage::jobs`) → a wake-up ([`relay`], [`queue`]) → a claim and a lease ([`attempt`]) →
//! its own file in [`jobs`]. What a meeting makes of the outcome is decided in `domain::meeting`; text is made by
//! [`pipeline`] (pure) and [`engine`]; [`reconcile`] repairs. Webhooks and the API are left to `server`.

pub mod attempt;
pub mod backoff;
mod change;
pub mod config;
pub mod context;
mod download;
pub mod engine;
pub mod jobs;
mod log;
pub mod pipeline;
pub mod queue;
pub mod reconcile;
pub mod relay;
mod run;
#[cfg(test)]
mod support;

pub use config::WorkerConfig;
pub use context::WorkerContext;
pub use run::run;
