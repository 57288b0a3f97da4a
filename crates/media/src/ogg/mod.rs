//! Ogg pages (RFC 3533): one stream per file, written page by page, and read even if the file is torn or damaged.
//!
//! This is not left to a crate for two reasons: the writer of a growing file does not know which packet is the last, and
//! the reader must take any `Read` and cope with what a crash leaves behind.

mod crc;
mod page;
mod reader;
mod recover;
mod writer;

pub use page::{MAX_PACKET_BYTES, OggPage};
pub use reader::{Damage, OggReader, PacketPage};
pub(crate) use recover::TailPacket;
pub use recover::{FileTail, RecoverError, recover};
pub use writer::OggWriter;
