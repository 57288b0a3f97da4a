//! Records one track: RTP packets in, Ogg pages out. Owns no socket, file or clock.
//!
//! Packets are put in order ([`crate::rtp::ReorderBuffer`]), each gets its position in the file (`timestamps`), fillers
//! close the gaps (`muxer`), and a page comes out when it is full or old enough (`pages`). What the publisher did not
//! send is listed for the manifest (`annotations`), and so is what was not heard (`holes`). The bytes of a packet are never
//! changed.
//!
//! What is not in the pages goes into a journal once a second (`journal`, `journal_state`). From both another process
//! continues the file (`replay`, `resume`).

mod annotations;
mod config;
mod holes;
mod journal;
mod journal_state;
mod journaling;
mod muxer;
mod output;
mod pages;
mod replay;
mod resume;
#[cfg(test)]
mod tests;
mod timestamps;
mod track;
mod tracked_list;

#[cfg(feature = "import")]
pub(crate) use annotations::Gaps;
pub use config::RecorderConfig;
pub use journal::{Hole, JournalEntry, JournalPacket, ListChange};
pub use output::{FirstPacket, MuteState, Output, Summary};
pub use track::TrackRecorder;
