//! Decodes a recording to mono PCM, one page at a time: an hour needs no more memory than a second.

mod decoder;
mod page_clock;
mod rate;

pub use decoder::{Block, DecodeError, DecodeReport, Decoder};
pub use rate::{DecodedTime, SampleTime16k};
