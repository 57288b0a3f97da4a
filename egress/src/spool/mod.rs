//! Keeps recordings on disk until they are stored. `<root>/<egress id>/` holds:
//!
//! - `request.json`: what was asked for; `credentials.json`: only if the request brought its own
//! - `recording.ogg`: the audio, page by page
//! - `journal.ndjson`: a line per second with what the pages do not tell
//! - `state.json`: how far the egress is; replaced as a whole
//!
//! A killed process loses nothing that was appended, because the operating system has it; a power failure loses a second.
//! The next process finds the folders with [`Spool::closed`] and repairs what was torn with [`Spool::take_up`]. A folder is removed only by
//! [`EgressFolder::remove`]; one that cannot be read is kept and named in the log.
//!
//! One thread (`writer`) writes for all folders, and another (`syncer`) brings what was written to stable storage once a
//! second, so a slow disk delays neither recordings nor the writing of pages.

mod create;
mod disk;
mod error;
mod folder;
mod open_folder;
mod repair;
mod root;
mod root_files;
mod shared;
mod space;
mod spooled_file;
mod syncer;
#[cfg(test)]
mod tests;
mod writer;

/// The version of the JSON files in a folder. A program keeps its hands off a folder with a newer one.
pub const VERSION: u32 = 1;

pub use error::SpoolError;
pub use folder::EgressFolder;
pub use root::{Spool, SpoolConfig, UnfinishedEgress};
pub use space::{SpaceLevel, SpoolSpace};
pub use spooled_file::SpooledFile;
