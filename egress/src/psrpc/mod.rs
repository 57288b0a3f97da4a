//! LiveKit's remote procedure calls over Redis pub/sub (psrpc), as much as an egress worker needs: serving single and
//! multi calls with claims and queue locks, and calling services of livekit-server.
//!
//! It knows messages and channels, not what they are about. Nothing outside this folder sees Redis.

mod bus;
mod channel;
mod client;
mod driver;
mod envelope;
mod error;
mod id;
mod redis_client;
mod server;

pub use bus::{Bus, BusError};
pub use client::{CallError, Client};
pub use error::{Code, RpcError};
pub use redis_client::{RedisConfig, RedisTls};
pub use server::{Delivery, Handler, Method, Server, Serving};
