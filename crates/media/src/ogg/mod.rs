//! Ogg pages (RFC 3533): one stream a file, written page by page and read back even when torn or damaged.
//!
//! Pages are made here rather than by a crate because the last packet of a growing file is not known to be the last,
//! and because a reader is wanted that takes any `Read` and survives what a crash leaves behind.

mod crc;
mod page;
mod reader;
mod writer;

pub use page::{MAX_PACKET_BYTES, OggPage};
pub use reader::{Damage, OggReader, PacketPage};
pub use writer::OggWriter;
