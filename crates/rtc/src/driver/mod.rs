//! Runs a [`ClientCore`] with real sockets, the system clock and tokio. Makes no decisions.

mod event_queue;
mod ice_tcp;
mod run;
mod start;
mod udp;
mod websocket;

pub(crate) use start::start;
