//! One WebRTC connection without sockets: the only place that names str0m, whose interface changes every few weeks.
//!
//! str0m wants each change to be followed by reading all its output before the next. Every method here does so and
//! keeps what came out, so that callers need not know.

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

mod candidate;
mod connection;
mod tcp;

pub(crate) use connection::{
    Codec, Datagram, OutgoingPacket, OutgoingTrack, PeerConnection, PeerError, PeerEvent, PeerOutput, Transport,
};
