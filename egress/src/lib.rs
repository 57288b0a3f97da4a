//! A LiveKit egress worker for audio tracks. It accepts requests from LiveKit's message bus, joins rooms, writes each
//! track to an Ogg/Opus file without encoding it again, stores the file with its manifest, and reports each state to
//! livekit-server.
//!
//! - [`config`]: `egress.yaml` and the environment
//! - `run`: starts the worker and shuts it down
//! - `control`: which requests are accepted, and what they ask for
//! - `session`: one egress, from its request to its last report
//! - `room`: one connection per room, shared by the sessions of its tracks
//! - `spool`, `upload`: the file on disk, and its way to the store
//! - `psrpc`: LiveKit's remote procedure calls over Redis
//!
//! Imports run `control → session → room` and never back.
//!
//! The crate knows neither meetings nor a database. Deciding which tracks are recorded, and using the recordings, is
//! left to the callers of LiveKit's API. It can replace LiveKit's own egress worker for single tracks.

#[cfg(test)]
extern crate self as egress;

mod clock;
pub mod config;
mod control;
mod critical;
mod failure;
#[cfg(test)]
mod faults;
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
