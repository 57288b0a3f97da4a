//! The worker as LiveKit and its clients see it: on a real Redis, asked by a real livekit-server, recording real
//! WebRTC. Each test has its own servers and folders.

mod bus;
mod recording;
mod refusal;
mod support;
