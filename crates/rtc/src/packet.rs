//! What arrives on a track.

use std::time::{Instant, SystemTime};

use bytes::Bytes;

use crate::ids::{SeqNo, Ssrc};

/// One RTP packet as it came: neither reordered nor checked for gaps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RtpPacket {
    pub ssrc: Ssrc,
    /// Sequence number extended over its wrap-arounds (RFC 3711, section 3.3.1).
    pub seq_no: SeqNo,
    /// In units of 1/48000 s, the publisher's.
    pub timestamp: u32,
    pub marker: bool,
    /// Taken right after the socket was read.
    pub arrival: Instant,
    /// One Opus packet; never empty.
    pub payload: Bytes,
}

/// Ties RTP timestamps to the publisher's wall clock (RFC 3550, section 6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderReport {
    pub ssrc: Ssrc,
    pub rtp_timestamp: u32,
    /// As wrong as the publisher's clock is. LiveKit moves the pair forward to the moment of sending.
    pub publisher_time: SystemTime,
    pub arrival: Instant,
}
