//! What tests of several crates share: real servers that end with the test, participants that publish audio, sounds
//! with known samples, and waiting for a condition.
//!
//! A development dependency only. [`LivekitServer`], [`RedisServer`], [`S3Server`], [`Database`] and [`Store`] each give a
//! test a server, database or bucket that no other test uses. [`Participant`] joins a room and its [`Microphone`] sends
//! audio in real time. [`audio`] makes sounds and finds them in a decoded recording. The harness that runs all of
//! Trackscribe is the package `e2e` in `tests/`. [`platforms`] has fakes of hosted platforms; fakes of our own traits stay in
//! the crates that have these.

pub mod audio;
mod microphone;
mod participant;
pub mod platforms;
mod servers;
mod wait;

pub use microphone::Microphone;
pub use participant::{Participant, TrackPublisher};
pub use servers::{
    CredentialsEndpoint, Database, ExitedEarly, Fault, FaultyProxy, KeysIn, LivekitBuilder, LivekitServer, OpenJob,
    PORT_ATTEMPTS, Port, Process, RedisServer, S3Server, Store, WebhookRelay, wait_until_ready,
};
pub use wait::wait_until;

/// Chooses the TLS implementation of every client in this process. Later calls change nothing.
pub fn use_tls_provider() {
    let _already_installed = rustls::crypto::aws_lc_rs::default_provider().install_default();
}
