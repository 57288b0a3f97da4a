//! Startup code shared by all processes of Trackscribe: TLS provider, logs, common settings and secrets, signals, and
//! the `/healthz` and `/metrics` endpoints.
//!
//! The crate contains no role and no domain type. What a process does, and whether it is healthy, is left to the
//! services.

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
