//! What is said over the WebSocket: pure, with time as an argument and deadlines as data.

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

mod backoff;
mod client;
mod events;
mod keep_alive;
mod leave;
mod participants;
mod recovery;
mod subscriptions;
#[cfg(test)]
mod testing;
pub(crate) mod url;
pub(crate) mod wire;

pub(crate) use client::Signal;
pub(crate) use events::{Dial, DialError, Limits, Output, Own, Role, SignalEvent};
pub(crate) use participants::TrackChange;
