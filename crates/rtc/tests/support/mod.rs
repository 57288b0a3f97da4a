//! A real livekit-server for one test, and participants in it.

mod listener;
mod server;
mod speaker;

pub use listener::Listener;
pub use server::{LiveKit, ServerOptions};
pub use speaker::{frames, publish, publisher};
