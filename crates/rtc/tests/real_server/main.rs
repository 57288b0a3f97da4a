//! The client with a real livekit-server on the loopback interface. The program is `LIVEKIT_SERVER_BIN`, or
//! `livekit-server` on `PATH`; `scripts/install-deps.sh` installs it.

#![expect(clippy::unwrap_used, reason = "a helper that fails ends its test")]

mod joining;
mod packets;
mod reconnecting;
mod record_track;
mod transports;

#[path = "../support/mod.rs"]
mod support;
