//! HTTP: platforms' webhooks come in, the API goes out.
//!
//! Stateless: everything that lasts is in the database and the store, so any number of servers may run side by side.
//! What takes long (asking a platform to record, transcribing) is left to the worker, as rows of `jobs`.

mod api;
pub mod config;
mod health;
pub mod keys;
mod limits;
mod middleware;
mod openapi;
mod router;
mod run;
mod state;
#[cfg(test)]
mod support;
mod webhook;

pub use config::{ServerConfig, Settings};
pub use limits::{LimitOptions, Limits};
pub use run::{App, run};
pub use state::{AppState, Options, random_ids, system_clock};
