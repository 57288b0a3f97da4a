//! A real livekit-server for one test, and participants in it.

mod listener;
mod speaker;

pub use listener::Listener;
pub use speaker::{frames, publish, publisher};
pub use test_support::LivekitServer;

/// Starts a livekit-server.
pub async fn start_server() -> LivekitServer {
    show_logs();
    LivekitServer::start_without_redis().await
}

/// Starts a livekit-server with another line in the section `rtc` of its configuration.
pub async fn start_server_with(rtc: &str) -> LivekitServer {
    show_logs();
    LivekitServer::builder().rtc(rtc).start().await
}

/// Prints what the client logs, if `RUST_LOG` is set.
fn show_logs() {
    // Fails in the second test of a process, which needs no second subscriber.
    let _already_set = tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_test_writer()
        .try_init();
}
