//! Imports recordings that another program made: the audio stream of a WebM, Matroska, MP4, WAV or ADTS file becomes an
//! Ogg/Opus file like those of our recorder.
//!
//! Opus is copied packet by packet. AAC and PCM are decoded and encoded once. The timestamps of the container place every
//! packet: where they jump, the file is filled with silence, and the interval is listed for the manifest.
//!
//! The containers are read by symphonia. A file is read as it goes and never held in memory; what a file may make the
//! reader do is limited in `source` and `placement`.

mod codec;
mod container;
mod copy;
mod ebml;
mod edits;
mod error;
mod importer;
mod output;
mod placement;
mod resample;
mod source;
mod summary;
#[cfg(test)]
mod tests;
mod transcode;

pub use codec::SourceCodec;
pub use error::{Damage, ImportError};
pub use importer::Importer;
pub use summary::ImportSummary;
