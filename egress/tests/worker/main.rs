//! Tests the worker from outside: it gets its requests from a real livekit-server over a real Redis, and records real
//! WebRTC tracks. Each test has its own servers and folders.

#![expect(clippy::unwrap_used, reason = "tests and their helpers fail by panicking")]

mod bus;
mod outages;
mod recording;
mod recovery;
mod refusal;
mod support;
mod suspension;
