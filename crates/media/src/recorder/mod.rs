//! Records one track: RTP packets in, Ogg pages out. Owns no socket, file or clock.
//!
//! Packets are put in order ([`crate::rtp::ReorderBuffer`]), each gets its position in the file (`timestamps`), fillers
//! close the gaps (`muxer`), and a page comes out when it is full or old enough (`pages`). What the publisher did not
//! send is listed for the manifest (`annotations`). The bytes of a packet are never changed.

mod annotations;
mod config;
mod journal;
mod muxer;
mod output;
mod pages;
#[cfg(test)]
mod tests;
mod timestamps;
mod track;

pub use config::RecorderConfig;
pub use journal::{Hole, JournalEntry, JournalPacket, ListChange};
pub use output::{FirstPacket, MuteState, Output, Summary};
pub use track::TrackRecorder;
