//! RTP packets (RFC 3550), and a buffer that puts them in order.

mod packet;
mod reorder;

pub use packet::{RtpPacket, SenderReport, SeqNo, Ssrc};
pub use reorder::{MAX_SEQUENCE_JUMP, PushResult, ReleasedPacket, ReorderBuffer};
