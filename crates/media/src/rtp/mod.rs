//! RTP packets as `rtc` hands them over, and putting them in order.

mod packet;
mod reorder;

pub use packet::{RtpPacket, SenderReport};
pub use reorder::{MAX_SEQUENCE_JUMP, Pushed, Released, ReorderBuffer};
