//! One WebRTC connection without sockets. The only module that names str0m, whose API changes every few weeks.
//!
//! str0m requires that after each change all its output is read before the next change. Every method here does that and
//! queues the output, so callers need not do it.

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

mod candidate;
mod connection;
mod tcp;

pub(crate) use connection::{
    Codec, Datagram, OutgoingPacket, OutgoingTrack, PeerConnection, PeerError, PeerEvent, PeerOutput, Transport,
};
