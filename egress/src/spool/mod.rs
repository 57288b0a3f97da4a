//! Keeps recordings on disk until they are stored, in one folder per egress: the request, the audio, a journal and the last
//! acknowledged state.

mod error;
mod folder;
mod root;
mod space;
mod spooled_file;

pub use error::SpoolError;
pub use folder::EgressFolder;
pub use root::{Spool, SpoolConfig, UnfinishedEgress};
pub use space::{SpaceLevel, SpoolSpace};
pub use spooled_file::SpooledFile;
