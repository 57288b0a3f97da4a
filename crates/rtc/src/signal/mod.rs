//! LiveKit's signalling protocol over a WebSocket. Pure: the time is an argument, deadlines are returned.

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

mod attempt;
mod backoff;
mod client;
mod events;
mod keep_alive;
mod leave;
mod lifecycle;
mod outbox;
mod participants;
mod resume_info;
mod room;
mod subscriptions;
#[cfg(test)]
pub(crate) mod testing;
mod url;
pub(crate) mod wire;

pub(crate) use attempt::ConnectAttempt;
pub(crate) use client::SignalClient;
pub(crate) use events::{Dial, DialError, JoinPolicy, LocalParticipant, Role, SignalEvent, SignalOutput};
pub(crate) use participants::TrackChange;
pub(crate) use url::signal_url;
