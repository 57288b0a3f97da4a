//! One track's RTP in, Ogg pages out. Owns no socket, file or clock.
//!
//! Packets are put in order ([`crate::rtp::ReorderBuffer`]), each gets its place in the file (`placement`), fillers
//! close the gaps (`assembly`), and pages come out when they are full or old enough (`pages`). What is not the
//! publisher's own is noted for the manifest (`notes`). The bytes of a packet are never changed.

mod assembly;
mod config;
mod notes;
mod output;
mod pages;
mod placement;
#[cfg(test)]
mod tests;
mod track;

pub use config::RecorderConfig;
pub use output::{FirstPacket, MuteState, Output, Summary};
pub use track::TrackRecorder;
