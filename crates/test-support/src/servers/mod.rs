//! Programs that tests run against. Each has its own ports and folder, and ends with the test.

mod credentials_endpoint;
mod database;
mod faulty_proxy;
mod livekit;
mod port;
mod process;
mod ready;
mod redis;
mod s3_server;
mod store;
mod webhook_relay;

pub use credentials_endpoint::CredentialsEndpoint;
pub use database::{Database, OpenJob};
pub use faulty_proxy::{Fault, FaultyProxy};
pub use livekit::{LivekitBuilder, LivekitServer};
pub use port::Port;
pub use process::Process;
pub use ready::{ExitedEarly, PORT_ATTEMPTS, wait_until_ready};
pub use redis::RedisServer;
pub use s3_server::S3Server;
pub use store::{KeysIn, Store};
pub use webhook_relay::WebhookRelay;
