//! From a recording to sound, a page at a time: an hour needs no more memory than a second.

mod decoder;
mod page_clock;

pub use decoder::{Block, DecodeError, DecodeReport, Decoder, OutputRate};
