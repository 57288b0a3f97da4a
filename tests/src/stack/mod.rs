//! Programs that a test runs against, each with its own ports and folder, all gone when the test is over.

mod builder;
mod database;
mod livekit;
mod port;
mod process;
mod redis_server;
mod role;
mod scene;
mod store;
mod webhook_relay;

pub use builder::{Stack, StackBuilder};
pub use database::{Database, OpenJob};
pub use livekit::{LivekitBuilder, LivekitServer};
pub use port::Port;
pub use process::{End, Process};
pub use redis_server::RedisServer;
pub use role::Role;
pub use store::Store;
pub use webhook_relay::WebhookRelay;

use std::time::{Duration, Instant};

/// How long a program may take from its start to its first answer, on a machine that is busy with other tests.
const START: Duration = Duration::from_secs(20);

/// How often a program is started again because its port was taken between the look and the start.
const PORT_TRIES: usize = 5;

/// How often a starting program is asked whether it is there.
const ASK_EVERY: Duration = Duration::from_millis(20);

/// Waits until a program that was just started answers.
///
/// # Errors
/// It ended instead, which is what a taken port looks like.
///
/// # Panics
/// It runs and does not answer.
async fn answers(process: &mut Process, mut ask: impl AsyncFnMut() -> bool) -> Result<(), ProgramEnded> {
    let deadline = Instant::now() + START;
    loop {
        if process.ended().is_some() {
            return Err(ProgramEnded);
        }
        if ask().await {
            return Ok(());
        }
        assert!(
            Instant::now() < deadline,
            "{} does not answer within {START:?}",
            process.name()
        );
        tokio::time::sleep(ASK_EVERY).await;
    }
}

/// A program ended before it answered.
#[derive(Debug)]
struct ProgramEnded;

/// The TLS of every client in this process; the first call decides, the others find it done.
pub(crate) fn use_tls_provider() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}
