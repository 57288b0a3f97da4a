//! LiveKit's remote procedure calls over Redis pub/sub (psrpc), as far as an egress worker needs them: serving single
//! and multi calls with offers, grants and queue locks, and calling services of livekit-server.
//!
//! The module handles envelopes and channels, not the requests in them. Only this module uses Redis.
//!
//! - `server`, `client`: both sides of a call
//! - `bus`: publishing, subscribing and locking; `driver`: the task that owns the subscriber connection
//! - `envelope`, `channel`, `id`, `error`: psrpc's wire format
//! - `redis_client`: connection settings

mod bus;
mod channel;
mod client;
mod driver;
mod envelope;
mod error;
mod id;
mod redis_client;
mod server;

pub use bus::{Bus, BusError, BusState};
pub use client::{CallError, Client};
pub use error::{Code, RpcError};
pub use redis_client::{RedisConfig, RedisTls};
pub use server::{Delivery, Handler, Method, Offer, Server, Serving};
