//! The LiveKit adapter from outside: webhooks that a real server sent, and calls to one.

#[cfg(test)]
mod event_order;
#[cfg(test)]
mod server;
#[cfg(test)]
mod support;
#[cfg(test)]
mod webhooks;
