//! What arrives on a track.

use std::time::{Instant, SystemTime};

use bytes::Bytes;

use crate::ids::{SeqNo, Ssrc};

/// One RTP packet as it arrived: packets may be out of order, and lost ones are missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RtpPacket {
    /// The stream that the packet belongs to.
    pub ssrc: Ssrc,
    /// The extended sequence number.
    pub seq_no: SeqNo,
    /// The publisher's RTP timestamp, in units of 1/48000 s (RFC 7587, section 4.1). It wraps.
    pub timestamp: u32,
    /// The RTP marker bit.
    pub marker: bool,
    /// When the datagram was read from its socket.
    pub arrival: Instant,
    /// One Opus packet; never empty.
    pub payload: Bytes,
}

/// A sender report, which maps RTP timestamps to the publisher's wall clock (RFC 3550, section 6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderReport {
    /// The stream that the report is about.
    pub ssrc: Ssrc,
    /// The RTP timestamp at `publisher_time`.
    pub rtp_timestamp: u32,
    /// Subject to the error of the publisher's clock. LiveKit moves the pair forward to the time when it sends the report.
    pub publisher_time: SystemTime,
    /// When the datagram was read from its socket.
    pub arrival: Instant,
}
