//! What one datagram says.

use std::time::Instant;

use bytes::Bytes;

/// One RTP packet, decrypted, its padding removed.
#[derive(Clone, Debug)]
pub struct RtpPacket {
    pub ssrc: u32,
    /// Extended beyond 16 bits, so that it never wraps.
    pub seq_no: u64,
    /// As on the wire, 48 kHz for Opus (RFC 7587 section 4.1); wraps.
    pub timestamp: u32,
    /// When the datagram was read from its socket.
    pub arrival: Instant,
    /// One Opus packet.
    pub payload: Bytes,
}

/// What an RTCP sender report (RFC 3550 section 6.4.1) says about clocks.
#[derive(Clone, Copy, Debug)]
pub struct SenderReport {
    pub ssrc: u32,
    pub rtp_timestamp: u32,
    /// The publisher's own wall clock at `rtp_timestamp`, nanoseconds since 1970; as wrong as the device's clock.
    pub publisher_ns: i64,
    pub arrival: Instant,
}
