//! The worker as LiveKit and its clients see it: on a real Redis, asked by a real livekit-server, recording real
//! WebRTC. Each test has its own servers and folders.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic, in its helpers too")]

mod bus;
mod caller;
mod recording;
mod refusal;
mod support;
