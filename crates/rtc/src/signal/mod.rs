//! What is said over the WebSocket: pure, with time as an argument and deadlines as data.

mod backoff;
mod keep_alive;
mod leave;
mod machine;
mod messages;
mod participants;
mod subscriptions;
pub(crate) mod url;
pub(crate) mod wire;

pub(crate) use machine::{Dial, DialError, Limits, Output, Own, Role, Signal, SignalEvent};
pub(crate) use participants::TrackChange;
