//! One track's RTP in, Ogg pages out. Owns no socket, file or clock.
//!
//! Packets are put in order ([`crate::rtp::ReorderBuffer`]), each gets its place in the file (`timestamps`), fillers
//! close the gaps (`muxer`), and pages come out when they are full or old enough (`pages`). What is not the
//! publisher's own is noted for the manifest (`annotations`). The bytes of a packet are never changed.

mod annotations;
mod config;
mod muxer;
mod output;
mod pages;
#[cfg(test)]
mod tests;
mod timestamps;
mod track;

pub use config::RecorderConfig;
pub use output::{FirstPacket, MuteState, Output, Summary};
pub use track::TrackRecorder;
