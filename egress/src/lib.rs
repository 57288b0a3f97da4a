//! A LiveKit egress worker for audio tracks: takes requests from LiveKit's bus, joins rooms, writes each track as it
//! came to an Ogg/Opus file, stores the file with its manifest, and tells livekit-server of every step.
//!
//! - [`config`]: `egress.yaml` and the environment
//! - `control`: the bus, the requests on it, and the reports
//! - `session`: one recording, from its request to its last report
//! - `room`: one connection a room, shared by its recordings
//! - `spool`, `upload`: where a recording lies, and how it gets into the store
//!
//! It knows no meeting and no database; which track is to be recorded, and what becomes of a recording, is left to
//! whoever asks LiveKit for it. Anybody may: it takes the place of LiveKit's own worker.

mod clock;
pub mod config;
mod control;
mod failure;
mod health;
#[cfg(test)]
mod imports;
mod metrics;
mod probe;
mod psrpc;
mod room;
mod run;
mod session;
mod spool;
mod upload;

pub use run::run;
