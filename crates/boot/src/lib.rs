//! What every process of Trackscribe does before its own work begins: choose the TLS provider, set up logs, read
//! secrets, listen for signals, and answer `/healthz` and `/metrics`.
//!
//! It knows no role and no domain type; what a process does, and when it is ready, is left to the services.

pub mod config;
pub mod health;
pub mod prometheus;
pub mod secret;
pub mod shutdown;
pub mod telemetry;
pub mod tls;

pub use secret::SecretError;
pub use shutdown::Shutdown;
pub use telemetry::TelemetryArgs;
