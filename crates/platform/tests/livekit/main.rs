//! Tests of the LiveKit adapter with captured webhooks and a real livekit-server.

#[cfg(test)]
mod control;
#[cfg(test)]
mod event_order;
#[cfg(test)]
mod server;
#[cfg(test)]
mod support;
#[cfg(test)]
mod webhooks;
