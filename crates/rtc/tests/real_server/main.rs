//! The client against a real livekit-server on loopback. The program is `LIVEKIT_SERVER_BIN` or `livekit-server` on
//! `PATH`; `scripts/install-deps.sh` provides it.

#![expect(clippy::unwrap_used, reason = "a helper that cannot go on ends its test")]

mod joining;
mod packets;
mod reconnecting;
mod transports;

#[path = "../support/mod.rs"]
mod support;
