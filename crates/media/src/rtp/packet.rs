//! RTP packets and RTCP sender reports, as `rtc` delivers them.

use std::fmt;
use std::time::Instant;

use bytes::Bytes;
use domain::UnixNanos;

/// Synchronization source: identifies one RTP stream within a connection (RFC 3550 section 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ssrc(pub u32);

/// RTP sequence number (RFC 3550 section 5.1), extended beyond 16 bits so that it never wraps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeqNo(pub u64);

/// One RTP packet, decrypted and without padding.
#[derive(Clone, Debug)]
pub struct RtpPacket {
    /// The stream that the packet belongs to.
    pub ssrc: Ssrc,
    /// The packet's number within the stream.
    pub seq_no: SeqNo,
    /// RTP timestamp as on the wire: 48 kHz for Opus (RFC 7587 section 4.1), wraps at 2^32.
    pub timestamp: u32,
    /// When the datagram was read from its socket.
    pub arrival: Instant,
    /// One Opus packet (RFC 6716).
    pub payload: Bytes,
}

/// The clock reading in an RTCP sender report (RFC 3550 section 6.4.1).
#[derive(Clone, Copy, Debug)]
pub struct SenderReport {
    /// The stream that the report belongs to.
    pub ssrc: Ssrc,
    /// RTP timestamp at `publisher_time`.
    pub rtp_timestamp: u32,
    /// The publisher's own wall clock at `rtp_timestamp`, as wrong as the device's clock is.
    pub publisher_time: UnixNanos,
    /// When the report was read from its socket.
    pub arrival: Instant,
}

impl SeqNo {
    /// Returns the number after this one; the last number has no other after it.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// Returns how many numbers `earlier` is behind this one; 0 if it is not behind.
    pub fn distance_from(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Ssrc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for SeqNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
