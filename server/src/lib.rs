//! The HTTP server: receives platforms' webhooks and serves the REST API.
//!
//! A server is stateless: all state is in the database and the object store, so any number of them can run in parallel.
//! Slow work, such as requesting a recording or transcribing, is left to the worker as rows of `jobs`.

mod api;
pub mod config;
mod health;
pub mod keys;
mod limits;
mod middleware;
mod openapi;
mod request_id;
mod router;
mod run;
mod serve;
mod signalling;
mod state;
#[cfg(test)]
mod support;
mod tokens;
mod webhook;

pub use config::{ServerConfig, Settings};
pub use limits::{LimitOptions, Limits};
pub use run::{App, run};
pub use signalling::SignalProxy;
pub use state::{AppState, Options, random_ids, system_clock};
