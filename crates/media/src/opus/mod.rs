//! Opus packets (RFC 6716) and their headers in Ogg (RFC 7845). The codec itself needs the feature `decode`.

#[cfg(feature = "decode")]
pub mod decode;
#[cfg(feature = "decode")]
pub mod encode;
mod head;
mod silence;
mod stream;
mod toc;

pub use head::{HeadError, OpusHead, OpusTags};
pub(crate) use silence::looks_like_filler;
pub use silence::{Filler, FillerKind, is_injected};
pub use stream::{PacketStream, StreamError, StreamPacket, StreamSummary, probe};
pub use toc::{MAX_PACKET_SAMPLES, MalformedPacket, Toc, packet_samples};
